import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runCli } from '../../client/program.js';
import type { Check } from '../../common/check.js';
import type { RunSummary, RunView } from '../../common/view.js';
import type { ToldCall } from '../../store/index.js';
import { until } from '../../lab/until.js';
import { recordedIo } from '../unit/client/fake-io.js';
import { Receiver } from '../tell/receiver.js';
import { webhook } from '../tell/world.js';
import { World } from './world.js';

let world: World;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start();
  const targets = JSON.stringify({
    targets: { hook: webhook(receiver.address), mute: { kind: 'service', environment: 'test' } },
  });
  world = await World.start({ targets });
}, 60_000);
afterAll(async () => {
  await world?.stop();
  await receiver?.stop();
});

test('who was told, and who has it, stands in status and in the list of runs', async () => {
  const run = await world.gatedRun('--notify', 'hook');
  const told = await until('the channel to be told', async () => {
    const { told: calls } = await world.json<{ told: ToldCall[] }>(['status', run], [8]);
    return calls[0]?.toldAt && calls;
  });
  expect(told).toMatchObject([{ call: 'gate', channel: 'hook', error: null, taken: null }]);
  expect(receiver.about(run)[0]?.commands[0]?.command).toContain(`runbook approve ${run} gate`);

  // Whoever may not decide takes it from nobody: the others are still reminded.
  const own = await world.cli(['ack', run]);
  expect(own).toMatchObject({ code: 4, stdout: '' });
  expect(own.stderr).toMatch(
    /requester started run .* May it go on\? \(gate\)\. Nothing was written/,
  );
  expect(own.stderr).toContain(
    `\nNext:  Whoever may answer takes it with: runbook ack ${run} --as NAME\n`,
  );
  const unread = await world.json<{ told: ToldCall[] }>(['status', run], [8]);
  expect(unread.told).toMatchObject([{ call: 'gate', taken: null }]);

  const ack = await world.cli(['ack', run, '--as', 'ada']);
  expect(ack).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^ada \(stated; \S+@\S+\) has it since \S+ \S+ UTC.*: May it go on\? \(gate\)\n$/,
    ),
  });
  const status = await world.cli(['status', run]);
  expect(status.stdout).toMatch(/ada \(stated; \S+@\S+\) has it since /);
  expect(status.stdout).toMatch(/told hook at /);
  const runs = await world.cli(['runs', '--waiting']);
  expect(runs.stdout).toMatch(/ gate \(ada\) /);
  expect((await world.json<RunSummary[]>(['runs', '--waiting']))[0]?.waitingFor).toMatchObject([
    { id: 'gate', takenBy: 'ada' },
  ]);
  expect((await world.cli(['ack', run, '--as', 'bob'])).stdout).toContain('ada had it before');

  expect((await world.cli(['approve', run, '--reason', 'fine', '--as', 'bob'])).code).toBe(0);
  expect((await world.cli(['wait', run, '--timeout', '20s'])).code).toBe(0);
  expect(await world.cli(['ack', run])).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('waits for nobody now'),
  });
  expect(await world.cli(['ack', 'no-such-run'])).toMatchObject({ code: 2 });
}, 60_000);

test('whoever started a run learns at the terminal, before a reason is asked, that others decide', async () => {
  const run = await world.gatedRun();
  const io = (env: Record<string, string> = {}) =>
    recordedIo({ env: world.environment({ NO_COLOR: '1', ...env }), isTTY: true, canAsk: true });
  for (const [argv, as] of [
    [['approve', run], {}],
    [['reject', run, 'gate'], {}],
    [['approve', run, '--as', 'Requester'], { RUNBOOK_OPERATOR: 'ada' }],
  ] as const) {
    const own = io(as);
    expect(await runCli(argv, own)).toBe(4);
    expect(own.out()).toBe('');
    expect(own.err()).not.toContain('Reason:');
    expect(own.err()).toMatch(
      /^Error: requester started this run, so somebody else has to decide gate gate\. Nothing was sent\.\nNext: {2}On a screen that you share, they type: runbook (approve|reject) \S+( gate)? --as NAME\n$/,
    );
  }
  const script = await world.cli(['approve', run, '--reason', 'mine']);
  expect(script.stderr).toMatch(
    /Refused: requester started .*\nNext: {2}On a screen that you share/,
  );
  const { decisions } = await world.json<RunView>(['status', run], [8]);
  expect(decisions.map(({ code }) => code)).toEqual(['own-request']);
  expect((await world.cli(['cancel', run, '--reason', 'over', '--wait'])).code).toBe(0);
}, 60_000);

test('doctor names what waits, and warns as soon as status says that nobody was told', async () => {
  const run = await world.gatedRun();
  const status = () => world.cli(['status', run]);
  await until('status to say it', async () => (await status()).stdout.includes('told to nobody'));
  const { checks } = await world.json<{ checks: Check[] }>(['doctor'], [0, 1]);
  const found = (name: string) => checks.find((each) => each.name === name);
  expect(found('people told')).toMatchObject({
    state: 'warning',
    found: `nobody was told of 1 waiting run: ${run}`,
  });
  expect(found('waiting runs')).toMatchObject({
    ...{ state: 'ok', fix: null },
    found: `1 waits for people: ${run} at gate. See what with: runbook runs --waiting`,
  });
  expect((await world.cli(['cancel', run, '--reason', 'over', '--wait'])).code).toBe(0);
}, 60_000);

test('without the record, too, @latest is the run that was started last, whichever ended last', async () => {
  const [first, last] = [await world.gatedRun(), await world.gatedRun()];
  for (const run of [last, first])
    expect((await world.cli(['cancel', run, '--reason', 'over', '--wait'])).code).toBe(0);
  const over = `WorkflowId IN ('${first}', '${last}') AND ExecutionStatus != 'Running'`;
  await until('Temporal to list both as ended', async () => {
    const { count } = await world.client.workflow.count(over);
    return count === 2;
  });
  const noRecord = { RUNBOOK_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
  const { stdout } = await world.cli(['status', '@latest', '--output', 'json'], noRecord);
  expect((JSON.parse(stdout) as RunView).id).toBe(last);
}, 60_000);

test('@latest that has ended names the run that waits; a mistyped one is understood', async () => {
  const waiting = await world.gatedRun();
  const newest = await world.gatedRun();
  expect((await world.cli(['cancel', newest, '--reason', 'over', '--wait'])).code).toBe(0);
  const late = await world.cli(['approve', '@latest', '--reason', 'fine', '--as', 'ada']);
  expect(late).toMatchObject({ code: 2, stdout: '' });
  expect(late.stderr).toContain(
    `The newest run, ${newest}, has ended (cancelled); nothing was decided`,
  );
  expect(late.stderr).toContain(`\n  ${waiting} at gate (May it go on?)\n`);
  expect(late.stderr).toContain(`Next:  If you mean that one, name it: ${waiting}\n`);
  const mistyped = await world.cli(['status', '@latset']);
  expect(mistyped).toMatchObject({ code: 2 });
  expect(mistyped.stderr).toContain('Did you mean @latest?');
  expect((await world.cli(['cancel', waiting, '--reason', 'over', '--wait'])).code).toBe(0);
}, 60_000);

test('a channel that cannot tell anybody is refused before anything starts', async () => {
  for (const name of ['mute', 'nothing-is-called-so']) {
    const argv = ['start', 'test-gated', '--input', 'journal=/tmp/x', '--input', 'last=[]'];
    expect(await world.cli([...argv, '--reason', 'x', '--notify', name])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cannot tell anybody'),
    });
  }
});
