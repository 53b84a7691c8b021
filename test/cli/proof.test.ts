import { hostname, userInfo } from 'node:os';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { messageNames } from '../../common/defaults.js';
import type { Sender } from '../../common/sender.js';
import type { DecisionView, RunView } from '../../common/view.js';
import { history, openPool } from '../../store/index.js';
import { flat } from '../../common/plain.js';
import type { JsonObject } from '../../language/json.js';
import { until } from '../../lab/until.js';
import { World } from './world.js';

/*
 * What can be proved later of who asked and who decided: in the run, in the record, and for people.
 */

let world: World;
beforeAll(async () => {
  world = await World.start();
}, 60_000);
afterAll(() => world?.stop());

const here: Sender = { user: userInfo().username, host: hostname() };
const fromHere = `stated; ${here.user}@${here.host}`;
const byHand = 'stated; user and host not stated';

interface Line {
  text: string;
  by?: string;
  sender?: Sender;
  decision?: DecisionView;
  evidence?: JsonObject;
}

test('each start, decision and ack is kept and told with where it was sent from, refused ones too', async () => {
  const run = await world.gatedRun();
  const handle = world.client.workflow.getHandle(run);
  expect((await world.cli(['approve', run, '--reason', 'mine', '--yes'])).code).toBe(4);
  expect((await world.cli(['ack', run, '--as', 'ada'])).code).toBe(0);
  const { waitingFor } = await world.json<RunView>(['status', run], [8]);
  const [gate] = waitingFor;
  // As somebody sends it in the Temporal UI.
  await handle.signal(messageNames.decide, {
    ...{ version: 1, id: 'by hand', verb: 'approve', run, by: 'bob', reason: 'fine' },
    about: { kind: 'gate', id: 'gate' },
    ...{ attempt: gate?.attempt, digest: gate?.digest },
  });
  expect((await world.cli(['wait', run, '--timeout', '20s'])).code).toBe(0);

  const [own, hand] = [
    { verb: 'approve', by: 'requester', accepted: false, code: 'own-request', sender: here },
    { verb: 'approve', by: 'bob', accepted: true, code: 'accepted' },
  ];
  const view = await world.json<RunView>(['status', run]);
  expect(view).toMatchObject({ requester: 'requester', sender: here });
  expect(view.decisions).toMatchObject([own, hand]);
  expect(view.decisions[1]).not.toHaveProperty('sender');

  const sentences = [
    `requester (${fromHere}) started test-gated: a test`,
    `requester (${fromHere}) approves gate gate: refused: requester started this run, so somebody else has to decide gate gate. Reason given: mine`,
    `ada (${fromHere}) is at it: gate`,
    `bob (${byHand}) approves gate gate: accepted. Reason given: fine`,
  ];
  const ofTemporal = await world.json<Line[]>(['history', run]);
  // A decision is told once, with its verdict; with --all its message too.
  expect(ofTemporal.filter(({ text }) => text.includes(' sent: '))).toEqual([]);
  const all = await world.json<Line[]>(['history', run, '--all']);
  expect(all.map(({ text }) => text)).toContain('bob sent: approve gate gate');
  const pool = openPool(world.databaseUrl);
  const ofRecord = await history(pool, run).finally(() => pool.end());
  for (const told of [ofTemporal, ofRecord] as Line[][]) {
    const found = told.filter(({ by, text }) => by && /\(stated; /.test(text));
    expect(found.map(({ text }) => text.replace('test-gated 1.0.0', 'test-gated'))).toEqual(
      sentences,
    );
    expect(found.map(({ sender }) => sender)).toEqual([here, here, here, undefined]);
    expect(found.flatMap(({ decision }) => decision ?? [])).toMatchObject([own, hand]);
  }

  // What the approver was shown is told as well, in words and as fields.
  for (const told of [ofTemporal, ofRecord] as Line[][])
    expect(told.filter(({ evidence }) => evidence)).toMatchObject([
      { evidence: gate?.evidence, digest: gate?.digest, follows: gate?.follows },
    ]);
  const words = (await world.cli(['history', run])).stdout;
  for (const [name, value] of Object.entries(gate?.evidence ?? {}))
    expect(words).toContain(`${name}: ${flat(value)}`);

  const status = await world.cli(['status', run]);
  expect(status.stdout).toContain(`by requester (${fromHere})`);
  for (const format of ['md', 'html']) {
    const report = (await world.cli(['report', run, '--format', format])).stdout.replace(/\\/g, '');
    for (const name of [`requester (${fromHere})`, `bob (${byHand})`, `ada (${fromHere})`])
      expect(report).toContain(name);
  }
}, 60_000);

test('where a decision was sent from is no place for anything else', async () => {
  const run = await world.gatedRun();
  const decide = (id: string, sender: unknown): Promise<void> =>
    world.client.workflow.getHandle(run).signal(messageNames.decide, {
      ...{ version: 1, id, verb: 'cancel', run, by: 'eve', reason: 'x', sender },
    });
  for (const [id, sender] of Object.entries({
    text: 'root@host',
    more: { ...here, isTrusted: true },
    long: { user: 'x'.repeat(201), host: 'h' },
    empty: { user: '', host: '' },
  }))
    await decide(id, sender);
  const view = await until('all to be judged', async () => {
    const found = await world.json<RunView>(['status', run], [8]);
    return found.decisions.length === 4 && found;
  });
  expect(view.decisions.map(({ code }) => code)).toEqual(Array(4).fill('malformed'));
  await decide('invisible', { user: 'ro\u202eot', host: 'a\nb' });
  expect((await world.cli(['wait', run, '--timeout', '20s'])).code).toBe(130);
  const { stdout } = await world.cli(['history', run]);
  expect(stdout).toContain('eve (stated; ro\\u202eot@a b) cancels the run: accepted');
}, 60_000);
