import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import type { RunSummary, RunView } from '../../common/view.js';
import type { Verdict } from '../../common/envelope.js';
import type { Plan } from '../../language/plan.js';
import { createProgram } from '../../client/program.js';
import { allVerbs } from '../../client/verbs.js';
import { until } from '../../lab/until.js';
import { taskTimeoutSeconds } from '../helpers/task-timeout.js';
import { recordedIo } from '../unit/client/fake-io.js';
import { World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await World.start({ processes: true });
}, 90_000);
afterAll(() => world?.stop());

describe('from a runbook to its end', () => {
  let run: string;

  test('plan shows what would run and starts nothing', async () => {
    const argv = [
      'plan',
      'test-gated',
      '--input',
      `journal=${world.path('plan.txt')}`,
      '--input',
      'last=[]',
    ];
    const none = await world.cli(['runs']);
    expect(none).toMatchObject({ code: 0, stdout: '' });
    expect(none.stderr).toMatch(/^No runs yet\. Start one with: runbook start RUNBOOK/);
    const plan = await world.json<Plan>(argv);
    expect(plan).toMatchObject({
      runbook: { id: 'test-gated' },
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    const text = await world.cli(argv);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toContain(plan.digest);
    expect(text.stdout).toMatch(/before +Change before the gate +command +change/);
    expect(await world.json<RunSummary[]>(['runs', '--runbook', 'pipeline-recovery'])).toEqual([]);
    expect(existsSync(world.path('plan.txt'))).toBe(false);
  });

  test('start says which run it is, and @latest is that run', async () => {
    run = await world.gatedRun();
    expect(run).toMatch(/^test-gated-\d{8}-\d{6}-[0-9a-f]{4}$/);
    const view = await world.json<RunView>(['status', '@latest'], [8]);
    expect(view).toMatchObject({
      id: run,
      runbook: 'test-gated',
      state: 'waiting',
      requester: 'requester',
      reason: 'a test',
      source: 'temporal',
      endedAt: null,
      waitingFor: [
        {
          kind: 'approval',
          id: 'gate',
          command: `runbook approve ${run} gate --digest ${view.waitingFor[0]?.digest}`,
        },
      ],
    });
    expect(view.uiUrl).toMatch(
      new RegExp(
        `^http://ui\\.example/namespaces/default/workflows/${run}/[0-9a-f-]+/user-metadata$`,
      ),
    );
    expect((await world.cli(['open', run])).stdout.trim()).toBe(view.uiUrl);
    expect(await taskTimeoutSeconds(world.client.workflow.getHandle(run))).toBe(4);
  });

  test('runs lists it for those who may decide it', async () => {
    expect(await world.json<RunSummary[]>(['runs', '--waiting'])).toMatchObject([
      { id: run, state: 'waiting', source: 'record' },
    ]);
    expect((await world.cli(['runs', '--waiting-for', 'me', '--as', 'approver'])).stdout).toContain(
      run,
    );
    expect((await world.cli(['runs', '--waiting-for', 'me'])).stdout).not.toContain(run);
  });

  test.each([
    ['without a reason', ['approve'], {}, 2, /needs a reason; nothing was sent/],
    [
      'by the requester',
      ['approve', '--reason', 'x'],
      {},
      4,
      /Refused: requester started this run/,
    ],
    [
      'at a gate that is not there',
      ['approve', 'nowhere', '--reason', 'x'],
      {},
      2,
      /has no gate "nowhere"\. Nothing was changed\.[^]*The gates are: gate\./,
    ],
    [
      'with a digest that nothing ever had',
      ['approve', '--reason', 'x', '--digest', 'sha256:0'],
      { RUNBOOK_OPERATOR: 'approver' },
      2,
      /Nothing that gate of run \S+ ever asked has the digest sha256:0\./,
    ],
  ])(
    'a decision %s is refused and says why',
    async (_name, [verb = '', ...rest], change, code, message) => {
      const result = await world.cli([verb, run, ...rest], change);
      expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) });
      expect((await world.json<RunView>(['status', run], [8])).state).toBe('waiting');
    },
  );

  test('watch ends where it needs people; approved, it goes on to its end, with every line', async () => {
    const before = await world.cli(['watch', run]);
    expect(before).toMatchObject({ code: 8, stdout: expect.stringContaining('gate  waits for') });
    expect(before.stderr).toMatch(/^The run needs people, .* runbook wait /);
    const approved = await world.json<Verdict>([
      'approve',
      run,
      '--reason',
      'looks right',
      '--as',
      'approver',
    ]);
    expect(approved).toMatchObject({ accepted: true, code: 'accepted' });
    const watched = await world.cli(['watch', run]);
    expect(watched.code).toBe(0);
    const lines = watched.stdout;
    for (const part of [
      'requester started test-gated: a test',
      'before  begins: Change before the gate',
      'gate  waits for',
      'requester approves gate gate: refused',
      'approver approves gate gate: accepted (under another name',
      'after  succeeded',
      'last  succeeded',
      'the run has ended: succeeded',
    ]) {
      expect(lines).toContain(part);
    }
    expect(watched.stderr).toBe('');
  });

  test('a decision that comes too late is told that there is nothing to decide', async () => {
    const late = await world.cli(['approve', run, '--reason', 'x', '--as', 'approver']);
    expect(late).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/has ended \(succeeded\); there is nothing to decide/),
    });
  });

  test('wait, status, history and logs tell how it went', async () => {
    expect(await world.cli(['wait', run, '--timeout', '20s'])).toMatchObject({
      code: 0,
      stdout: `${run} has ended: succeeded\n`,
    });
    expect((await world.cli(['wait', run, '--for', 'decision'])).code).toBe(1);
    const text = await world.cli(['status', run]);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    const told = await world.json<{ text: string; source: string }[]>(['history', run]);
    expect(told.map((entry) => entry.text)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^requester \(stated; \S+@\S+\) started test-gated: a test$/),
        'before begins: Change before the gate',
        expect.stringMatching(
          /^approver \(stated; \S+@\S+\) approves gate gate: accepted \(under another name, but from the same account .*\)\. Reason given: looks right$/,
        ),
        'the run has ended: succeeded',
      ]),
    );
    // What the approver was shown stands in the record alone.
    const recorded = told.filter(({ source }) => source !== 'temporal');
    expect(recorded.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^May it go on\?: asked of /),
    ]);
    const logs = await world.cli(['logs', run, 'last']);
    expect(logs).toMatchObject({ code: 0, stdout: 'done\n' });
    expect(logs.stderr).toContain('==> last, attempt 1 <==');
    expect((await world.cli(['logs', run, '--follow'])).code).toBe(0);
  });

  test('the report comes as Markdown, as one page, as JSON, by the name of the file', async () => {
    expect((await world.cli(['report', run])).stdout).toContain('# Test of test-gated: succeeded');
    for (const [file, part] of [
      ['r.html', '<!doctype html>'],
      ['r.md', '# Test of'],
      ['r.json', '"attempts"'],
    ] as const) {
      expect((await world.cli(['report', run, '-o', world.path(file)])).code).toBe(0);
      expect(readFileSync(world.path(file), 'utf8')).toContain(part);
    }
    const report = JSON.parse(readFileSync(world.path('r.json'), 'utf8')) as {
      attempts: unknown[];
      history: unknown[];
    };
    expect(report.attempts).toHaveLength(3);
    expect(report.history.length).toBeGreaterThan(4);
    expect((await world.cli(['report', run, '-o', world.path('r.txt')])).code).toBe(2);
  });
});

describe('other ends', () => {
  test('rejected: 5', async () => {
    const run = await world.gatedRun();
    const rejected = await world.cli(['reject', run, '--reason', 'not today', '--as', 'approver']);
    expect(rejected).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Accepted: Gate gate is rejected/),
    });
    expect((await world.cli(['wait', run])).code).toBe(5);
    expect(await world.cli(['status', run])).toMatchObject({
      code: 5,
      stdout: expect.stringContaining('not today'),
    });
  });

  test('cancelled: 130, and the second cancellation is refused', async () => {
    const run = await world.gatedRun();
    const cancelled = await world.cli(['cancel', run, '--reason', 'wrong one', '--wait']);
    expect(cancelled).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /has ended: cancelled: requester cancelled the run: wrong one\.\n$/,
      ),
    });
    expect((await world.cli(['status', run])).code).toBe(130);
    expect((await world.cli(['cancel', run, '--reason', 'again'])).code).toBe(4);
  });

  test('failed: 1, with the error and what to do', async () => {
    const { id } = await world.json<{ id: string }>([
      'start',
      'test-commands',
      '--input',
      'first=["/nonexistent/program"]',
      '--input',
      'second=[]',
    ]);
    expect((await world.cli(['watch', id])).code).toBe(1);
    expect(await world.cli(['status', id])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('/nonexistent/program'),
    });
  });

  test('terminated in Temporal: 1, in status and in the list, though nobody could write it down', async () => {
    const run = await world.gatedRun();
    await world.client.workflow.getHandle(run).terminate('behind our back');
    const view = await world.json<RunView>(['status', run], [1]);
    expect(view).toMatchObject({
      state: 'terminated',
      waitingFor: [],
      problem: { type: 'Terminated' },
    });
    // Temporal's list lags behind a little.
    await until(
      'the list to know',
      async () =>
        (await world.json<RunSummary[]>(['runs'])).find((each) => each.id === run)?.state ===
        'terminated',
      20_000,
      500,
    );
    const decided = await world.cli(['approve', run, '--reason', 'x', '--as', 'approver']);
    expect(decided).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('has ended (terminated: '),
    });
  });
});

describe('nothing starts', () => {
  beforeAll(() => {
    world.processes = false;
  });

  async function unchanged(
    argv: string[],
    code: number,
    message: RegExp,
    change: Record<string, string> = {},
  ): Promise<void> {
    const before = await world.runIds();
    const result = await world.cli(argv, change);
    expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) });
    expect(result.stderr).toMatch(/\nNext: {2}\S/);
    expect(await world.runIds()).toEqual(before);
  }

  test.each([
    [
      'an unknown runbook',
      ['start', 'pipeline-recovry', '--yes'],
      2,
      /no runbook "pipeline-recovry"[^]*Did you mean pipeline-recovery\?/,
    ],
    [
      'missing and unknown inputs, all at once',
      ['start', 'test-gated', '--input', 'nonsense=1'],
      2,
      /no input "nonsense"[^]*journal is missing[^]*last is missing/,
    ],
    [
      'an input of the wrong type',
      [
        'start',
        'test-gated',
        '--input',
        'journal=a',
        '--input',
        'last=b',
        '--input',
        'first_change=maybe',
      ],
      2,
      /must be true or false, not "maybe"/,
    ],
    [
      'a provider of secrets as an input',
      ['start', 'test-gated', '--input', 'journal=env:HOME', '--input', 'last=b'],
      2,
      /must not name a secret provider/,
    ],
    [
      'a file that is not there',
      ['start', 'test-gated', '--inputs-file', '/nonexistent.yaml'],
      2,
      /no file \/nonexistent\.yaml/,
    ],
  ])('with %s', async (_name, argv, code, message) => {
    await unchanged(argv, code, message);
  });

  test('without a worker; and the question does not stay behind', async () => {
    const queue = `${world.taskQueue}-nobody`;
    await unchanged(
      ['start', 'test-gated', '--task-queue', queue],
      6,
      new RegExp(`No worker polls task queue ${queue}.*Nothing was started\\.[^]*runbook worker`),
    );
    const plan = await world.cli(['plan', 'test-gated', '--task-queue', queue]);
    expect(plan).toMatchObject({ code: 6, stderr: expect.stringContaining('There is no plan.') });
    expect(plan.stderr).not.toContain('started');
    // The helper is deleted after its answer was read, and Temporal's list follows later.
    const helpers = `WorkflowType = 'launch' AND TaskQueue = '${queue}'`;
    await until('the helper to have left the list', async () => {
      return (await world.client.workflow.count(helpers)).count === 0;
    });
  }, 40_000);

  test('without a server', async () => {
    await unchanged(['start', 'test-gated'], 1, /No Temporal server answers at 127\.0\.0\.1:1\./, {
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    });
  });

  test('in a namespace that is not there', async () => {
    await unchanged(
      ['start', 'test-gated', '--namespace', 'nowhere'],
      2,
      /has no namespace nowhere/,
    );
  });

  test('twice under one id: the second call tells of the first run', async () => {
    const run = await world.gatedRun('--id', `twice-${world.taskQueue}`);
    const again = await world.json<{ id: string; started: boolean }>([
      'start',
      'test-gated',
      '--id',
      run,
    ]);
    expect(again).toMatchObject({ id: run, started: false, state: 'waiting' });
    const other = await world.cli(['start', 'test-commands', '--id', run]);
    expect(other).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('belongs to a run of test-gated; nothing was started'),
    });
    await world.cli(['reject', run, '--reason', 'end', '--as', 'approver']);
    await world.cli(['wait', run]);
    expect(await world.json(['start', 'test-gated', '--id', run])).toMatchObject({
      started: false,
      state: 'rejected',
    });
  });
});

describe('a name that there is not', () => {
  /** Every verb that is about a run, as it acts without asking. */
  const aboutRuns = allVerbs(createProgram(recordedIo()))
    // `adopt` takes runs that stand still, and knows others for what they are.
    .filter(
      ([
        ,
        {
          registeredArguments: [first],
        },
      ]) => first?.name() === 'run' && !first.variadic,
    )
    .map(([words, { options }]): [string, string[], string[]] => {
      const has = (flag: string): boolean => options.some(({ long }) => long === flag);
      return [words, has('--reason') ? ['--reason', 'x'] : [], has('--yes') ? ['--yes'] : []];
    });

  let run: string;
  beforeAll(async () => {
    run = await world.gatedRun();
  });
  afterAll(() => world.cli(['reject', run, '--reason', 'x', '--yes', '--as', 'approver']));

  async function refused(argv: readonly string[], message: RegExp): Promise<void> {
    const result = await world.cli(argv);
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  }

  test('as a run', () => expect(aboutRuns.length).toBeGreaterThan(15));

  test.each(aboutRuns)('as a run: %s', async (verb, reason, yes) => {
    const mistyped = run.slice(0, -1);
    await refused(
      [verb, mistyped, ...reason, ...yes],
      new RegExp(`^Error: There is no run "${mistyped}"\\.[^]*\nNext: {2}Did you mean ${run}\\?`),
    );
    await refused([verb, 'zzz', ...reason, ...yes], /There is no run "zzz"\.[^]*are:\n/);
  });

  test.each([
    ['a gate', ['approve', '{run}', 'gaet', '--reason', 'x', '--yes'], /Did you mean gate\?/],
    ['a step of the desk', ['retry', '{run}', 'befor', '--reason', 'x', '--yes'], /before\?/],
    ['a step of logs', ['logs', '{run}', 'afterr'], /Did you mean after\?/],
    ['a runbook that is shown', ['show', 'pipeline-recovry'], /Did you mean pipeline-recovery\?/],
    ['a runbook that is planned', ['plan', 'pipeline-recovry'], /Did you mean pipeline-recovery\?/],
    ['a runbook of a filter', ['runs', '--runbook', 'test-gatd'], /Did you mean test-gated\?/],
    [
      'a target of a filter',
      ['runs', '--target', 'zzz'],
      /No run has had a target "zzz"[^]*targets/,
    ],
    ['a target of leases', ['leases', 'zzz'], /No run has had a target "zzz"[^]*targets/],
    ['a state', ['runs', '--state', 'waitng'], /Did you mean waiting\?/],
    ['a schedule', ['schedule', 'pause', 'nightli', '--yes'], /There is no schedule nightli\./],
    ['a verb', ['aprove', '{run}'], /Did you mean approve\?/],
    [
      'a verb of a verb',
      ['schedule', 'puase', 'x'],
      /Did you mean pause\?.*runbook schedule --help/,
    ],
  ])('as %s', async (_what, argv, message) => {
    await refused(
      argv.map((word) => word.replace('{run}', run)),
      message,
    );
  });

  test('as the step that a run goes on at', async () => {
    const ended = await world.gatedRun();
    await world.cli(['reject', ended, '--reason', 'x', '--yes', '--as', 'approver']);
    await world.cli(['wait', ended, '--timeout', '20s']);
    const argv = ['start', '--from', ended, '--at', 'nope', '--reason', 'x', '--yes'];
    await refused(argv, /has no step "nope"[^]*The steps are: before, gate, after/);
  });

  test('a filter that nothing meets now is no error, and says what it was', async () => {
    const argv = ['runs', '--runbook', 'test-gated', '--state', 'paused'];
    expect(await world.cli(argv)).toEqual({
      code: 0,
      stdout: '',
      stderr: 'There is no run in state paused and of runbook test-gated now.\n',
    });
  });
});
