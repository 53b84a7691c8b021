import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Verdict } from '../../common/envelope.js';
import type { RunView } from '../../common/view.js';
import { until } from '../../lab/until.js';
import { World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await World.start();
}, 60_000);
afterAll(() => world?.stop());

async function failedRun(first: string, second: string): Promise<string> {
  const inputs = [`first=${first}`, `second=${second}`, `journal=${world.path('desk.txt')}`];
  const argv = [
    'start',
    'test-desk',
    ...inputs.flatMap((input) => ['--input', input]),
    '--reason',
    'a test',
  ];
  const { id } = await world.json<{ id: string }>(argv);
  expect((await world.cli(['wait', id, '--for', 'decision', '--timeout', '30s'])).code).toBe(0);
  return id;
}

const good = '["/bin/true"]';
const bad = '["/bin/false"]';

describe('a failed step', () => {
  test('is shown with what can be done about it, answered from the command line, and told by watch', async () => {
    const run = await failedRun(good, bad);
    const status = await world.cli(['status', run]);
    expect(status).toMatchObject({
      code: 8,
      stdout: expect.stringContaining('Test of test-desk: needs-operator'),
    });
    for (const verb of ['retry', 'done', 'rollback', 'abort']) {
      expect(status.stdout).toContain(`runbook ${verb} ${run} second --digest sha256:`);
    }
    // Later steps need what it answers.
    expect(status.stdout).not.toContain(`runbook skip ${run}`);
    expect(
      (await world.json<{ id: string }[]>(['runs', '--waiting'])).map(({ id }) => id),
    ).toContain(run);

    expect(await world.cli(['watch', run])).toMatchObject({
      code: 8,
      stdout: expect.stringContaining('second  waits for an operator'),
    });
    expect(await world.cli(['skip', run, '--reason', 'x'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('Later steps need what second answers (stdout)'),
    });
    expect(await world.cli(['done', run, 'second', '--reason', 'did it'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('add --output stdout=…'),
    });
    const verdict = await world.json<Verdict>([
      'done',
      run,
      'second',
      '--output',
      'stdout=by hand',
      '--reason',
      'did it',
    ]);
    expect(verdict).toMatchObject({ accepted: true });
    expect((await world.cli(['wait', run, '--timeout', '20s'])).code).toBe(0);
    const view = await world.json<RunView>(['status', run]);
    expect(view).toMatchObject({
      state: 'succeeded',
      outputs: { second: 'by hand' },
      steps: [{}, { state: 'done-by-hand' }],
    });
    expect(await world.cli(['watch', run])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('second  done-by-hand'),
    });
  }, 60_000);

  test('answered as it was before it failed again: told that it has changed', async () => {
    const run = await failedRun(bad, good);
    const [before] = (await world.json<RunView>(['status', run], [8])).waitingFor;
    const retry = ['retry', run, '--reason', 'x', '--digest', before?.digest ?? ''];
    expect((await world.cli(retry)).code).toBe(0);
    await until('it to fail again', async () => {
      const [now] = (await world.json<RunView>(['status', run], [0, 8])).waitingFor;
      return now !== undefined && now.digest !== before?.digest;
    });
    expect(await world.cli(retry)).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/What first asks has changed since you looked\. Nothing was/),
    });
    expect((await world.cli(['abort', run, '--reason', 'end of test'])).code).toBe(0);
  }, 60_000);

  test('of the latest of several runs that wait: all are named, and none is decided', async () => {
    const runs = [await failedRun(bad, good), await failedRun(bad, good)];
    await until('both to be listed', async () => {
      const listed = await world.json<{ id: string }[]>(['runs', '--waiting']);
      return runs.every((run) => listed.some(({ id }) => id === run));
    });
    const told = await world.cli(['abort', '@latest', '--reason', 'which one?']);
    expect(told.code).toBe(2);
    for (const run of runs) {
      expect(told.stderr).toContain(`${run} at first (First command: it failed)`);
      expect((await world.json<RunView>(['status', run], [8])).state).toBe('needs-operator');
    }
    for (const run of runs)
      expect((await world.cli(['abort', run, '--reason', 'end of test'])).code).toBe(0);
  }, 60_000);

  test('rolled back from the desk, the run exits 1 and the report says who decided', async () => {
    const run = await failedRun(good, bad);
    expect(await world.cli(['rollback', run, '--reason', 'not tonight'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('what was changed is being undone'),
      stderr: expect.stringMatching(/^Undone, in this order:\n {2}first: .*run /m),
    });
    expect((await world.cli(['wait', run, '--timeout', '20s'])).code).toBe(1);
    const report = await world.cli(['report', run]);
    expect(report.stdout).toContain('not tonight');
  }, 60_000);

  test('nothing failed, an unknown verb for a gate, a run that ended: said in a sentence, nothing changed', async () => {
    const gated = await world.gatedRun();
    expect(await world.cli(['retry', gated, '--reason', 'x'])).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(
        /No failed step of run .* waits for people: it waits at gate\. Nothing was changed/,
      ),
    });
    expect(await world.cli(['skip', gated, 'gate', '--reason', 'x'])).toMatchObject({ code: 4 });
    const run = await failedRun(bad, good);
    expect(await world.cli(['approve', run, '--reason', 'x', '--as', 'approver'])).toMatchObject({
      code: 4,
    });
    expect(await world.cli(['abort', run])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('needs a reason'),
    });
    expect((await world.cli(['abort', run, '--reason', 'enough'])).code).toBe(0);
    await world.cli(['wait', run]);
    expect(await world.cli(['retry', run, '--reason', 'x'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('has ended'),
    });
    await world.cli(['cancel', gated, '--reason', 'end of test', '--wait']);
  }, 60_000);
});
