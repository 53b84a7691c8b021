import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createProgram } from '../../client/program.js';
import { allVerbs } from '../../client/verbs.js';
import { migrate, openPool, recordComparison } from '../../store/index.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { recordedIo } from '../unit/client/fake-io.js';
import { World } from './world.js';

/*
 * Temporal of one stack and the record of another: each works, and what is made of both is wrong.
 */

let world: World;
let stranger: TestDatabase;
let run: string;

beforeAll(async () => {
  world = await World.start();
  run = await world.gatedRun();
  stranger = await createTestDatabase('stranger');
  const pool = openPool(stranger.url);
  await migrate(pool);
  await recordComparison(pool, {
    ...{ namespaceId: 'another-id', namespace: 'elsewhere', worker: 'other.example:7' },
  });
  await pool.end();
}, 90_000);
afterAll(async () => {
  await world?.stop();
  await stranger?.drop();
});

const mixed = (
  ...argv: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> =>
  world.cli(argv, { RUNBOOK_DATABASE_URL: stranger.url });

test.each([['status'], ['report'], ['history'], ['logs'], ['ack']])(
  '%s says that two stacks are mixed, and shows nothing',
  async (verb) => {
    for (const name of verb === 'history' ? ['@latest'] : [run, '@latest']) {
      const result = await mixed(verb, name);
      expect(result).toMatchObject({
        ...{ code: 2, stdout: '' },
        stderr: expect.stringMatching(
          /^Error: Two stacks are mixed: .*default at .*other\.example:7 .*elsewhere.*\nNext: {2}.*RUNBOOK_DATABASE_URL/,
        ),
      });
    }
  },
);

/** Every verb that acts on a stack, as it is typed about the run that waits. */
const acting: [string, string[]][] = [
  ...['pause', 'resume', 'cancel', 'rollback', 'abort'].map((verb): [string, string[]] => [
    verb,
    [verb, '<run>', '--reason', 'x'],
  ]),
  ...['approve', 'reject'].map((verb): [string, string[]] => [
    verb,
    [verb, '<run>', 'gate', '--as', 'approver', '--reason', 'x'],
  ]),
  ...['retry', 'skip', 'done'].map((verb): [string, string[]] => [
    verb,
    [verb, '<run>', 'before', '--reason', 'x'],
  ]),
  ['take-over', ['take-over', '<run>', '--reason', 'x']],
  ['start', ['start', 'test-commands', '--input', 'first=["x"]', '--input', 'second=["x"]']],
  ['schedule create', ['schedule', 'create', 'mixed', 'test-commands', '--every', '30d']],
  ...['pause', 'resume', 'trigger', 'delete'].map((verb): [string, string[]] => [
    `schedule ${verb}`,
    ['schedule', verb, 'mixed'],
  ]),
  ['deployment', ['deployment', '--use', 'newest']],
  ['adopt', ['adopt', '<run>']],
];

test('every verb that acts is tried here', () => {
  const all = allVerbs(createProgram(recordedIo())).filter(([, verb]) =>
    verb.options.some(({ long }) => long === '--yes'),
  );
  expect(acting.map(([verb]) => verb).sort()).toEqual(all.map(([words]) => words).sort());
});

test.each(acting)('%s says so before it acts', async (verb, words) => {
  // It replays histories, which this process does with settings of its own.
  world.processes = verb === 'adopt';
  const argv = words.map((word) => (word === '<run>' ? run : word));
  const before = await eventsOf(run);
  expect(await mixed(...argv)).toMatchObject({
    ...{ code: 2, stdout: '' },
    stderr: expect.stringMatching(/^Error: Two stacks are mixed: .*Nothing was done\./),
  });
  expect(await eventsOf(run)).toBe(before);
  world.processes = false;
});

async function eventsOf(id: string): Promise<number> {
  return (await world.client.workflow.getHandle(id).describe()).historyLength;
}

test('a record that has fallen silent keeps no verb from Temporal', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  const { port } = silent.address() as AddressInfo;
  const url = `postgres://x@127.0.0.1:${port}/runbook`;
  try {
    const result = await world.cli(['pause', run, '--reason', 'x'], { RUNBOOK_DATABASE_URL: url });
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining('Accepted') });
  } finally {
    silent.close();
  }
  expect((await world.cli(['resume', run, '--reason', 'x'])).code).toBe(0);
});

test('doctor names it among its checks', async () => {
  const { stdout } = await mixed('doctor', '--output', 'json');
  const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string }[] };
  expect(checks.find(({ name }) => name === 'stack')).toMatchObject({ state: 'failed' });
});

test('those that belong together are not refused, and a record that is new is not either', async () => {
  expect((await world.cli(['status', run])).code).toBe(8);
  const pool = openPool(stranger.url);
  await pool.query('DELETE FROM runbook.watches');
  await pool.end();
  expect((await mixed('status', run)).code).toBe(8);
});
