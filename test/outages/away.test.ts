import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import type { RunSummary, RunView } from '../../common/view.js';
import { until } from '../../lab/until.js';
import { Proxy } from '../cli/proxy.js';
import { untilFile } from '../helpers/shell.js';
import { World } from '../cli/world.js';

/* What the command line says and does while a worker, Temporal or PostgreSQL is away. */

let world: World;
let run: string;
beforeAll(async () => {
  world = await World.start();
  run = await world.gatedRun();
}, 90_000);
afterAll(() => world?.stop());

const nowhere = { TEMPORAL_ADDRESS: '127.0.0.1:1' };
const noRecord = { RUNBOOK_DATABASE_URL: 'postgres://somebody:hunter2@127.0.0.1:1/nothing' };

/** A run whose first command goes on until the file is there. */
async function busyRun(file: string): Promise<string> {
  const inputs = [`first=${untilFile(file)}`, 'second=["/bin/true"]'];
  const given = inputs.flatMap((input) => ['--input', input]);
  const argv = ['start', 'test-commands', ...given, '--reason', 'a test'];
  return (await world.json<{ id: string }>(argv)).id;
}

describe('Temporal away', () => {
  test.each(['status', 'report', 'history', 'open', 'runs'])(
    '%s reads the record and says so',
    async (verb) => {
      const result = await world.cli(verb === 'runs' ? ['runs'] : [verb, run], nowhere);
      expect(result.code).toBe(verb === 'status' ? 8 : 0);
      expect(result.stdout).toContain(verb === 'history' ? ') started test-gated' : run);
      expect(result.stderr).toContain(
        'Read from the record: no Temporal server answers at 127.0.0.1:1.',
      );
    },
  );

  test('JSON says where it was read', async () => {
    const result = await world.cli(['status', '@latest', '--output', 'json'], nowhere);
    expect(JSON.parse(result.stdout)).toMatchObject({
      id: run,
      state: 'waiting',
      source: 'record',
      waitingFor: [{ id: 'gate' }],
    });
  });

  test('a decision cannot be sent and says that', async () => {
    const result = await world.cli(['approve', run, '--reason', 'x', '--as', 'approver'], nowhere);
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('No Temporal server answers at 127.0.0.1:1.'),
    });
  });
});

describe('the record away', () => {
  test.each(['status', 'history', 'open', 'runs'])('%s asks Temporal', async (verb) => {
    const result = await world.cli(
      verb === 'runs' ? ['runs', '--waiting', '--limit', '100'] : [verb, run],
      noRecord,
    );
    expect(result.code).toBe(verb === 'status' ? 8 : 0);
    expect(result.stdout).toContain(verb === 'history' ? ') started test-gated' : run);
    expect(result.stdout + result.stderr).not.toContain('hunter2');
  });

  test('runs that need an operator are among those that wait', async () => {
    const inputs = ['first=["/bin/false"]', 'second=["/bin/true"]', `journal=${world.path('d')}`];
    const given = inputs.flatMap((input) => ['--input', input]);
    const argv = ['start', 'test-desk', ...given, '--reason', 'a test'];
    const { id } = await world.json<{ id: string }>(argv);
    expect((await world.cli(['wait', id, '--for', 'decision', '--timeout', '30s'])).code).toBe(0);
    await until('Temporal to list it', async () => {
      const listing = ['runs', '--waiting', '--limit', '100', '--output', 'json'];
      const { stdout } = await world.cli(listing, noRecord);
      const listed = (JSON.parse(stdout) as RunSummary[]).find((each) => each.id === id);
      return listed?.state === 'needs-operator' && listed.waitingFor[0]?.kind === 'failure';
    });
    expect((await world.cli(['abort', id, '--reason', 'end of test'])).code).toBe(0);
  });

  test('logs are nowhere else', async () => {
    const result = await world.cli(['logs', run], noRecord);
    expect(result).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/PostgreSQL.*does not answer at 127\.0\.0\.1:1\/nothing/),
    });
    expect(result.stderr).not.toContain('hunter2');
  });

  test('with Temporal away too, one paragraph says both', async () => {
    for (const argv of [['status', run], ['logs', run], ['leases'], ['ack', run]])
      expect(await world.cli(argv, { ...nowhere, ...noRecord })).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(
          /No Temporal server answers.*PostgreSQL cannot be read either/,
        ),
      });
  });
});

describe('no worker', () => {
  test('status is read from the record; a decision is kept, judged later, and has one answer', async () => {
    const waiting = await world.gatedRun();
    await world.stopWorker();
    const status = await world.cli(['status', waiting]);
    expect(status).toMatchObject({
      code: 8,
      stderr: expect.stringContaining('Read from the record: no worker answers.'),
    });

    // The record may be behind: what it does not have need not be so.
    const desk = await world.cli(['retry', waiting, '--reason', 'x', '--as', 'approver']);
    expect(desk).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('only a worker knows. Nothing was changed.'),
    });

    const sent = await world.cli([
      'approve',
      waiting,
      '--reason',
      "it's right",
      '--as',
      'approver',
      '--timeout',
      '1s',
    ]);
    expect(sent).toMatchObject({
      code: 6,
      stdout: '',
      stderr: expect.stringContaining('It is kept and will be judged.'),
    });
    const command = /Ask again with: runbook (.*)\n$/.exec(sent.stderr)?.[1] ?? '';
    expect(command).toMatch(/--decision-id [0-9a-f-]{36}$/);

    await world.startWorker();
    // The very words that were printed, as a shell would read them.
    const argv = [...command.matchAll(/'((?:[^']|'\\'')*)'|(\S+)/g)].map(
      ([, quoted, bare]) => bare ?? quoted?.replaceAll(`'\\''`, "'") ?? '',
    );
    const first = await world.cli(argv);
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Gate gate is approved'),
    });
    expect((await world.cli(['wait', waiting, '--timeout', '30s'])).code).toBe(0);
    expect(await world.cli(argv)).toMatchObject({ code: 0, stdout: first.stdout });
    const view = await world.json<RunView>(['status', waiting]);
    expect(view.decisions.filter((decision) => decision.accepted)).toHaveLength(1);
  }, 60_000);
});

describe('Temporal no longer has the run', () => {
  test('status, report and history are read from the record', async () => {
    const old = await world.gatedRun();
    await world.cli(['reject', old, '--reason', 'old', '--as', 'approver']);
    await world.cli(['wait', old]);
    // Whoever is told of the end may delete the run: the record has all of it by then.
    expect((await world.client.workflow.getHandle(old).describe()).closeTime).toBeDefined();
    await world.client.workflowService.deleteWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: old },
    });
    await until(
      'Temporal to forget the run',
      () =>
        world.client.workflow
          .getHandle(old)
          .describe()
          .then(
            () => false,
            () => true,
          ),
      90_000,
    );
    for (const verb of ['status', 'report', 'history']) {
      const result = await world.cli([verb, old]);
      expect(result.code).toBe(verb === 'status' ? 5 : 0);
      expect(result.stdout).toContain('old');
      expect(result.stderr).toContain('Read from the record: Temporal no longer has the run.');
    }
    expect(await world.cli(['approve', old, '--reason', 'x'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('has ended (rejected: '),
    });
    expect(
      (await world.json<RunSummary[]>(['runs', '--state', 'rejected'])).map((each) => each.id),
    ).toContain(old);
  }, 120_000);
});

describe('watch', () => {
  test('survives the server: says that it is away and back, and leaves out no line', async () => {
    const file = world.path('watched-go');
    const watched = await busyRun(file);
    const proxy = new Proxy(world.address);
    await proxy.open();
    const watching = world.spawn(['watch', watched], {
      TEMPORAL_ADDRESS: proxy.address,
      ...noRecord,
    });
    try {
      await until(
        'the step to be shown',
        () => Promise.resolve(watching.stdout().includes('first  begins')),
        20_000,
      );
      await proxy.cut();
      await until(
        'the notice',
        () => Promise.resolve(/does not answer|No Temporal server answers/.test(watching.stderr())),
        20_000,
      );
      await writeFile(file, '');
      await world.cli(['wait', watched, '--timeout', '20s']);
      await proxy.open();
      expect(await watching.code).toBe(0);
    } finally {
      watching.child.kill('SIGKILL');
      await proxy.cut();
    }
    expect(watching.stderr()).toContain('Answered again.');
    const lines = watching
      .stdout()
      .split('\n')
      .filter((line) => /^\d\d:\d\d:\d\dZ/.test(line))
      .map((line) => line.slice(11).replace(/ after .*/, ''));
    expect(lines).toEqual([
      'requester started test-commands: a test',
      'first  begins: First command',
      'first  succeeded',
      'second  begins: Second command',
      'second  succeeded',
      'the run has ended: succeeded',
    ]);
  }, 90_000);

  test('Ctrl-C: 130, and the run goes on', async () => {
    const file = world.path('interrupted-go');
    const busy = await busyRun(file);
    const watching = world.spawn(['watch', busy]);
    await until(
      'the step to be shown',
      () => Promise.resolve(watching.stdout().includes('first  begins')),
      20_000,
    );
    watching.child.kill('SIGINT');
    expect(await watching.code).toBe(130);
    expect(watching.stderr()).toContain('the run goes on');
    expect((await world.json<RunView>(['status', busy])).state).toBe('running');
    await writeFile(file, '');
    expect((await world.cli(['wait', busy, '--timeout', '20s'])).code).toBe(0);
  });

  test('--timeout: 6; wait too; 8 where people are needed', async () => {
    const file = world.path('timed-out-go');
    const busy = await busyRun(file);
    for (const verb of ['watch', 'wait']) {
      const timed = await world.cli([verb, busy, '--timeout', '500ms']);
      expect(timed).toMatchObject({ code: 6, stderr: expect.stringContaining('the run goes on') });
      expect((await world.cli([verb, run, '--timeout', '500ms'])).code).toBe(8);
    }
    await writeFile(file, '');
    expect((await world.cli(['wait', busy, '--timeout', '20s'])).code).toBe(0);
  });
});

describe('setup and doctor', () => {
  test('setup a second time finds nothing to do', async () => {
    await world.cli(['setup']);
    const again = await world.json<{
      searchAttributesAdded: string[];
      retentionDays: { before: number; after: number };
      schema: { from: number; to: number };
    }>(['setup']);
    expect(again.searchAttributesAdded).toEqual([]);
    expect(again.retentionDays.after).toBe(again.retentionDays.before);
    expect(again.schema.from).toBe(again.schema.to);
  });

  test('the doctor finds everything well, in JSON too', async () => {
    const checks = await world.json<{
      ok: boolean;
      checks: { name: string; state: string; fix: string | null }[];
    }>(['doctor']);
    expect(checks.ok).toBe(true);
    expect(checks.checks.length).toBeGreaterThanOrEqual(10);
    expect(checks.checks.filter((check) => check.state === 'failed')).toEqual([]);
  });

  test.each([
    ['no Temporal', nowhere, 'temporal'],
    ['no PostgreSQL', noRecord, 'postgres'],
    ['no worker', { RUNBOOK_TASK_QUEUE: 'nobody-polls-this' }, 'worker'],
    ['a broken targets.yaml', { RUNBOOK_TARGETS: 'package.json' }, 'targets'],
  ])(
    'the doctor names %s, with a fix, and exits 1',
    async (_name, change, failing) => {
      const result = await world.cli(['doctor', '--output', 'json'], change);
      expect(result.code).toBe(1);
      const { checks } = JSON.parse(result.stdout) as {
        checks: { name: string; state: string; fix: string | null }[];
      };
      const failed = checks.filter((check) => check.state === 'failed');
      expect(failed.map((check) => check.name)).toEqual([failing]);
      expect(failed[0]?.fix).toBeTruthy();
      expect(result.stdout).not.toContain('hunter2');
    },
    30_000,
  );
});
