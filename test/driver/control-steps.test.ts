import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Driver } from '../../testing/driver/driver.js';
import { messageNames } from '../../common/defaults.js';
import type { Run } from '../../testing/driver/run.js';
import { outline } from '../../testing/driver/trace.js';
import { openDriver } from './open.js';
import { Recorded } from './recorded.js';
import {
  answer,
  begin as beginPlan,
  change,
  commands,
  failing,
  lasting,
  runbook,
  states,
  tell,
  written,
} from './plans.js';
import { activities, status, stepFailure, type PlayCommand } from './world.js';
import type { Json } from '../../language/json.js';
import type { RunbookSpec } from '../../language/runbook.js';

/*
 * Steps that the engine does itself: groups, values, and the two ends that a runbook may choose.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

/** Prints what it was told. */
const play: PlayCommand = ({ action }) => ({ stdout: action.argv[1] ?? '' });
let recorded: Recorded;
const begin = (spec: RunbookSpec, done = play, others: readonly RunbookSpec[] = []) => {
  recorded = new Recorded();
  const played = activities(done, [spec, ...others]);
  const real = recorded.around({ ...played, check: played['command'] as never });
  return beginPlan(driver, spec, done, {}, { activities: real });
};
// Workers find in the record what the run has found.
afterEach(() => expect(recorded.refused).toEqual([]));

const own = (id: string, kind: string, more: object): object => ({
  ...{ id, title: `Do ${id}`, kind, effect: 'read', ...more },
});
const group = (id: string, steps: object[], more: object = {}): object =>
  own(id, 'group', { effect: 'change', steps, ...more });
const saying = (id: string, what: unknown): object =>
  lasting(id, { action: { kind: 'command', argv: ['say', what] } });
const says = async (run: Run, id: string) =>
  ((await status(run)).steps.find((step) => step.id === id)?.output as { stdout?: string }).stdout;

const borders = (run: Run): number =>
  outline(run.trace).filter((line) => line.startsWith('continue-as-new')).length;

describe('a group', () => {
  test('does its steps in their order, which see what came before it and each other', async () => {
    const inner = [
      saying('first', { $: 'steps.one.stdout' }),
      saying('second', { $: 'steps.first.stdout' }),
    ];
    const run = begin(
      runbook([
        change('one'),
        group('both', inner),
        saying('last', { $: 'steps.both.second.stdout' }),
      ]),
    );
    await run.end();
    expect(commands(run)).toEqual(['one', 'both/first', 'both/second', 'last']);
    expect(await says(run, 'last')).toBe('hello');
  });

  test('is left out as a whole, and undone as a whole', async () => {
    const inner = [change('a'), change('b')];
    const left = begin(runbook([group('both', inner, { when: 'inputs.word == "no"' })]));
    await left.end();
    expect(commands(left)).toEqual([]);
    const undone = begin(
      runbook([group('both', [...inner, lasting('c')], { onFailure: 'ask' })]),
      failing('both/c'),
    );
    await undone.settle();
    await answer(undone, 'rollback');
    await undone.end();
    expect(commands(undone)).toEqual(['both/a', 'both/b', 'both/c', 'both/b.undo', 'both/a.undo']);
  });
});

describe('values', () => {
  const set = (values: object, more: object = {}): object =>
    own('chosen', 'set', { values, ...more });
  const value = (source: string): object => ({ $: source });

  test('are evaluated once, and later steps use them: a branch', async () => {
    const steps = [
      set({ case: value('size(inputs.word) > 3 ? "long" : "short"'), twice: value('2 * 21') }),
      group('long', [saying('a', value('string(steps.chosen.twice)'))], {
        when: 'steps.chosen.case == "long"',
      }),
      group('short', [change('b')], { when: 'steps.chosen.case == "short"' }),
    ];
    const run = begin(runbook(steps));
    await run.end();
    expect(commands(run)).toEqual(['long/a']);
    expect(await says(run, 'long/a')).toBe('42');
    expect(states(await status(run))).toMatchObject({ chosen: 'succeeded', short: 'not-needed' });
  });

  test.each([
    ['skip', {}, 'succeeded-with-exceptions'],
    ['done', { outputs: { port: 1 } }, 'succeeded'],
    ['abort', {}, 'failed'],
  ] as const)('that cannot be told are asked for: %s', async (verb, more, state) => {
    const steps = [change('one'), set({ port: value('int(steps.one.stdout) + 1') }), change('two')];
    const run = begin(runbook(steps));
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([
      {
        ...{ id: 'chosen', kind: 'failure', title: 'Do chosen: its values cannot be told' },
        evidence: { 'what happened': expect.stringContaining('int(steps.one.stdout)') },
      },
    ]);
    expect(await answer(run, 'retry')).toMatchObject({ accepted: true });
    expect(await answer(run, verb, more)).toMatchObject({ accepted: true });
    await run.end();
    expect(await status(run)).toMatchObject({ state });
  });
});

describe('a branch', () => {
  const look = (id: string): string[] => [
    `  - id: ${id}`,
    ...[
      '    title: Look',
      '    command: say 1',
      '    effect: read',
      '    outputs: { n: int(out.stdout) }',
    ],
  ];
  const branch = [
    '  - id: way',
    '    title: How long it is',
    '    branch:',
    '      - case: never',
    '        when: steps.first.n > 5',
    '      - case: too-long',
    '        title: It is long',
    '        branch:',
    '          - { case: huge, when: steps.first.n == 3, succeed: "nothing to do" }',
    '          - case: big',
    '            steps: [{ id: cut, command: say cut, effect: read }]',
    '            outputs: { by: "steps.cut.stdout" }',
    '        when: steps.first.n > 2',
    '      - { case: short, when: steps.second.n == 1, outputs: { by: "steps.second.n" } }',
  ];
  const after = [
    '  - id: after',
    '    title: After',
    '    when: steps.way.case in ["big", "short"]',
    '    command: say ${steps.way.case} ${string(steps.way.by)}',
    '    effect: read',
  ];
  const spec = () => written(...look('first'), ...look('second'), ...branch, ...after);
  const answering =
    (first: Json, second: Json): PlayCommand =>
    ({ step, action }) => {
      const n = step.path === 'first' ? first : second;
      return { stdout: action.argv.slice(1).join(' '), ...(n === null ? {} : { n }) };
    };

  test.each([
    ['the first case that is true', 4, 9, ['way/too_long/big/cut', 'after'], 'big cut'],
    ['a case that only decides', 1, 1, ['after'], 'short 1'],
    ['a case that cannot be told is passed over', null, 1, ['after'], 'short 1'],
  ])('takes %s', async (_how, first, second, done, said) => {
    const run = begin(spec(), answering(first, second));
    await run.end();
    expect(commands(run).slice(2)).toEqual(done);
    expect(await says(run, 'after')).toBe(said);
  });

  test('may end the runbook', async () => {
    const run = begin(spec(), answering(3, 9));
    await run.end();
    expect(commands(run).slice(2)).toEqual([]);
    expect(states(await status(run))).toMatchObject({
      ...{ 'way/too_long/huge/end': 'succeeded', after: 'not-needed' },
    });
  });

  test('of which no case is true asks for one, and says what is missing', async () => {
    const run = begin(spec(), answering(1, null));
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([
      {
        ...{ id: 'way/case', kind: 'failure', answers: ['case'] },
        title: 'Which case: How long it is: no case is true',
        evidence: {
          cases: {
            never: 'Never, when steps.first.n > 5',
            'too-long': 'It is long, when steps.first.n > 2',
          },
          'what happened': expect.stringMatching(/no case is true; of short .*steps\.second\.n/),
        },
      },
    ]);
    expect(await answer(run, 'skip')).toMatchObject({ accepted: false });
    expect(await answer(run, 'done')).toMatchObject({ code: 'output-missing' });
    expect(await answer(run, 'done', { outputs: { case: 'shrot' } })).toMatchObject({
      code: 'output-refused',
      message: expect.stringContaining('one of never, too-long, short'),
    });
    expect(await answer(run, 'retry')).toMatchObject({ accepted: true });
    expect(await answer(run, 'done', { outputs: { case: 'too-long' } })).toMatchObject({
      accepted: true,
    });
    await run.end();
    expect(commands(run).slice(2)).toEqual(['way/too_long/big/cut', 'after']);
  });
});

describe('a branch that people confirm', () => {
  const spec = () =>
    written(
      ...['  - id: way', '    title: What it is', '    choose: confirm', '    by: dba'],
      ...['    evidence: { word: "${inputs.word}" }', '    branch:'],
      '      - { case: long, when: size(inputs.word) > 2, steps: [{ id: a, command: say, effect: read }] }',
      '      - { case: short, steps: [{ id: b, command: say, effect: read }] }',
    );

  test('proposes the case that is true, and they may take another one', async () => {
    const run = begin(spec());
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([
      {
        ...{ id: 'way/case', kind: 'manual', verbs: ['done', 'rollback', 'abort'] },
        evidence: { proposed: 'long', word: 'hello', cases: { short: 'Short' } },
      },
    ]);
    expect(await answer(run, 'done', { outputs: { case: 'short' } })).toMatchObject({
      accepted: true,
    });
    await run.end();
    expect(commands(run)).toEqual(['way/short/b']);
  });

  test('is not confirmed where nobody attends', async () => {
    const run = beginPlan(driver, spec(), play, { unattended: 'abort' });
    await run.end();
    expect(await status(run)).toMatchObject({
      state: 'failed',
      problem: { message: expect.stringContaining('nobody has confirmed case long') },
    });
  });
});

describe('what people answer', () => {
  const spec = () =>
    written(
      ...['  - id: count', '    title: Count', '    manual: "Count what ${inputs.word} has"'],
      '    answers:',
      '      n: { type: integer, minimum: 1, description: how many }',
      '      host: { type: text, pattern: "^[a-z]+$", optional: true, description: where }',
      ...['  - id: after', '    title: After', '    command: say ${string(steps.count.n + 1)}'],
      '    effect: read',
    );

  test.each([
    [{}, 'output-missing', '--output n='],
    [{ n: '5' }, 'output-refused', 'n must be 5, not "5"'],
    [{ n: 0 }, 'output-refused', 'n must be from 1'],
    [{ n: 2, host: 'A b' }, 'output-refused', 'host does not match'],
    [{ n: 2, other: 1 }, 'output-refused', 'nothing called other is asked (n, host)'],
  ])('is refused where it is not what was asked: %j', async (outputs, code, message) => {
    const run = begin(spec());
    await run.settle();
    expect(await answer(run, 'done', { outputs })).toMatchObject({
      ...{ accepted: false, code, message: expect.stringContaining(message) },
    });
  });

  test('is shown as it is asked, and later steps read it', async () => {
    const run = begin(spec());
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([
      {
        answers: ['n'],
        fields: { n: { type: 'integer' } },
        evidence: {
          'what to do': 'Count what hello has',
          'what to answer': { n: 'how many (integer)', host: 'where (text, may be left out)' },
        },
      },
    ]);
    await answer(run, 'done', { outputs: { n: 2 } });
    await run.end();
    expect(await says(run, 'after')).toBe('3');
  });

  test('may be left out where all of it may', async () => {
    const host = 'host: { type: text, pattern: "^[a-z]+$", optional: true, description: where }';
    const run = begin(
      written('  - id: look', '    title: Look', '    manual: Look', `    answers: { ${host} }`),
    );
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([
      { evidence: { done: expect.stringContaining('host with --output, if you like') } },
    ]);
    await answer(run, 'done');
    await run.end();
    expect((await status(run)).state).toBe('succeeded');
  });
});

describe('a wait', () => {
  const waiting = (time: string): string[] => [
    ...['  - id: wait', '    title: Wait', `    wait: ${time}`],
    ...['  - id: after', '    title: After', '    command: say', '    effect: read'],
  ];

  test.each([
    ['for a time', '10m'],
    ['until a time', '{ until: "${timestamp(\'AT\')}" }'],
  ])('%s is a timer, and what follows begins then', async (_how, time) => {
    const { now } = begin(written(...waiting('10m')));
    const at = new Date(now + 600_000).toISOString();
    const run = begin(written(...waiting(time.replace('AT', at))));
    await run.settle();
    expect(await status(run)).toMatchObject({
      ...{ state: 'running', waitingFor: [] },
      steps: [{ id: 'wait', state: 'waiting', output: expect.stringMatching(/^until 20/) }, {}],
    });
    await run.advance(599_000);
    expect(commands(run)).toEqual([]);
    await run.advance(2_000);
    await run.end();
    expect(commands(run)).toEqual(['after']);
  });

  test('goes by in a paused run; what follows begins when it is resumed', async () => {
    const run = begin(written(...waiting('10m')));
    await run.settle();
    await tell(run, 'pause');
    await run.advance(700_000);
    expect(commands(run)).toEqual([]);
    await tell(run, 'resume');
    await run.end();
    expect(commands(run)).toEqual(['after']);
  });

  test('goes on in the next execution, and is not done again', async () => {
    const gate = ['  - id: ask', '    title: Ask', '    manual: Look', '    answers: {}'];
    const run = begin(written(...waiting('10m').slice(0, 3), ...gate));
    await run.settle();
    const begun = run.now;
    await run.advance(300_000);
    run.signal(messageNames.border);
    await run.advance(299_000);
    expect(borders(run)).toBe(1);
    expect((await status(run)).waitingFor).toEqual([]);
    await run.advance(2_000);
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'ask' }]);
    run.signal(messageNames.border);
    await run.advance(1_000);
    expect([borders(run), run.now - begun]).toEqual([2, 602_000]);
    await answer(run, 'done');
    await run.end();
    expect((await status(run)).state).toBe('succeeded');
  });

  test('ends when the run is cancelled', async () => {
    const run = begin(written(...waiting('10m')));
    await run.settle();
    await tell(run, 'cancel');
    await run.end();
    expect(await status(run)).toMatchObject({
      state: 'cancelled',
      steps: [{ state: 'skipped', error: { type: 'Cancelled' } }, { state: 'pending' }],
    });
  });

  test('until a time that cannot be told asks people', async () => {
    const run = begin(written(...waiting('{ until: "${timestamp(inputs.word)}" }')));
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'wait', kind: 'failure' }]);
    await answer(run, 'skip');
    await run.end();
    expect(commands(run)).toEqual(['after']);
  });
});

describe('the time', () => {
  const told = ['  - id: told', '    title: Tell', '    command: say ${now}', '    effect: read'];
  const times: Record<string, string[]> = {};
  const noting: PlayCommand = ({ step, action, now }) => {
    (times[step.path] ??= []).push(action.argv[1] ?? '');
    const given = now === undefined ? null : Date.parse(now);
    expect(given).toBe(step.path === 'plain' ? null : Date.parse(action.argv[1] ?? ''));
    return {};
  };

  test('is when the turn of a step came, also of one that has begun before a border', async () => {
    const spec = written(
      ...['  - id: each', '    title: Each', '    forEach: [a, b]', '    concurrency: 1'],
      ...['    steps: [{ id: in, command: "say ${now}", effect: read }]'],
      ...['  - id: wait', '    title: Wait', '    wait: 5m'],
      ...['  - { id: plain, title: Plain, command: say, effect: read }', ...told],
    );
    let isBroken = true;
    const run = begin(spec, (request, activity) => {
      const output = noting(request, activity);
      if (request.step.path !== 'told' || !isBroken) return output;
      throw stepFailure(request, activity, 'HttpDenied', 'not now');
    });
    await run.settle();
    const begun = run.now;
    // It is tried three times.
    await run.advance(400_000);
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'told' }]);
    run.signal(messageNames.border);
    await run.advance(600_000);
    expect(borders(run)).toBe(1);
    isBroken = false;
    await answer(run, 'retry');
    await run.end();
    const at = (path: string): number[] => (times[path] ?? []).map((each) => Date.parse(each));
    expect(
      at('each/a/in')
        .concat(at('each/b/in'))
        .every((each) => each <= begun),
    ).toBe(true);
    const [first = 0, again] = at('told');
    expect(first).toBeGreaterThanOrEqual(begun + 300_000);
    expect(again).toBe(first);
  });

  test('leaves out what comes too late, and a worker takes the word of the run for that', async () => {
    const run = begin(
      written(
        ...['  - id: wait', '    title: Wait', '    wait: 5m'],
        ...['  - id: late', '    title: Late', '    when: now < run.startedAt + duration("4m")'],
        ...['    command: say', '    effect: read', ...told],
      ),
    );
    await run.end();
    expect(commands(run)).toEqual(['told']);
  });
});

describe('a failure that is an answer', () => {
  const probe = (...more: string[]): string[] => [
    '  - id: probe',
    ...['    title: Look', '    command: say', '    effect: read', '    onFailure: capture'],
    ...more.map((line) => `    ${line}`),
  ];
  const after = [
    '  - id: after',
    '    title: Say what is wrong',
    '    when: steps.probe.failed && steps.probe.error.type == "CommandFailed"',
    '    command: say ${steps.probe.stdout}',
    '    effect: read',
    '  - id: well',
    '    title: All is well',
    '    when: steps.probe.ok && steps.around.ok',
    '    command: say well',
    '    effect: read',
  ];
  const around = [
    '  - id: around',
    '    title: Both',
    '    onFailure: capture',
    '    steps: [{ id: inner, command: say, effect: read }]',
  ];
  const failed = {
    ...{ stdout: 'full', ok: false, failed: true, state: 'failed' },
    error: { type: 'CommandFailed', message: 'it ended with 1' },
  };
  const answering =
    (answers: Readonly<Record<string, Json>>): PlayCommand =>
    ({ step, action, capture }) =>
      capture ? (answers[step.path] ?? { stdout: 'fine' }) : { stdout: action.argv[1] ?? '' };

  test.each([
    ['a probe', { probe: failed }, ['probe', 'around/inner', 'after'], 'succeeded'],
    ['none', {}, ['probe', 'around/inner', 'well'], 'succeeded'],
    ['one in a group', { 'around/inner': failed }, ['probe', 'around/inner'], 'succeeded'],
  ])('later steps look at it: %s', async (_which, answers, done, state) => {
    const run = begin(written(...probe(), ...around, ...after), answering(answers));
    await run.end();
    expect(commands(run)).toEqual(done);
    expect(await status(run)).toMatchObject({ state });
  });

  test('what no worker has taken for an answer asks people', async () => {
    const run = begin(written(...probe(), ...around, ...after), failing('probe'));
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'probe', kind: 'failure' }]);
    await answer(run, 'abort');
    await run.end();
  });

  test('a poll that cannot be told asks people, whatever is to follow a failure', async () => {
    const spec = written(
      ...['  - id: probe', '    title: Look', '    command: say', '    effect: read'],
      ...['    onFailure: continue', '    until: out.stdout == "well"'],
      ...['    inconclusiveWhen: out.stdout == ""', '    for: 5m', '    timeout: 20m'],
    );
    expect(spec.steps[0]?.work?.action).toMatchObject({ forMs: 300_000 });
    const run = begin(spec, (request, activity) => {
      throw stepFailure(request, activity, 'Inconclusive', 'it cannot be told');
    });
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'probe', kind: 'failure' }]);
    await answer(run, 'skip');
    await run.end();
  });
});

describe('a runbook that ends itself', () => {
  test('well: what is left is not needed, gates and groups too', async () => {
    const enough = own('enough', 'succeed', {
      message: { join: ['nothing to do for ', { $: 'inputs.word' }] },
      when: 'inputs.word == "hello"',
    });
    const gate = own('gate', 'approval', {});
    const inner = group('inner', [change('one'), enough, change('two')]);
    const run = begin(runbook([inner, gate, change('three')]));
    await run.end();
    expect(commands(run)).toEqual(['inner/one']);
    const { state, steps } = await status(run);
    expect(state).toBe('succeeded');
    expect(steps.find(({ id }) => id === 'inner/enough')?.output).toBe('nothing to do for hello');
    expect(states(await status(run))).toMatchObject({
      ...{ 'inner/two': 'not-needed', gate: 'not-needed', three: 'not-needed' },
    });
  });

  test('the end of a nested runbook is none of the runbook around it', async () => {
    const enough = own('enough', 'succeed', { message: 'done' });
    const nested = { ...own('nested', 'runbook', { effect: 'change', runbook: 'inner' }) };
    const inner = { ...runbook([change('one'), enough, change('two')]), id: 'inner' };
    const spec = runbook([nested, change('after')]);
    const run = begin(spec, play, [inner]);
    await run.end();
    expect(commands(run)).toEqual(['nested/one', 'after']);
  });

  const broken = (more: object = {}): object =>
    own('broken', 'fail', {
      message: { join: ['the disk of ', { $: 'inputs.word' }, ' is full'] },
      hint: 'Empty it.',
      ...more,
    });

  test.each([
    ['skip', 'succeeded-with-exceptions', ['one', 'two']],
    ['rollback', 'rolled-back', ['one', 'one.undo']],
    ['abort', 'failed', ['one']],
  ] as const)('badly: people decide: %s', async (verb, state, done) => {
    const run = begin(runbook([change('one'), broken(), change('two')]));
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([
      {
        ...{ id: 'broken', kind: 'failure', title: 'Do broken: it failed' },
        evidence: { 'what happened': 'the disk of hello is full' },
      },
    ]);
    expect(await answer(run, 'retry')).toMatchObject({ accepted: true });
    await answer(run, verb);
    await run.end();
    expect(await status(run)).toMatchObject({ state });
    expect(commands(run)).toEqual(done);
  });

  test('badly: a retry with other inputs looks again whether it has to', async () => {
    const when = 'inputs.word == "hello"';
    const run = begin(runbook([change('one'), broken({ when }), change('two')]));
    await run.settle();
    await answer(run, 'retry', { inputs: { word: 'bye' } });
    await run.end();
    expect(await status(run)).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['one', 'two']);
  });

  test('badly: by its policy nobody is asked', async () => {
    const run = begin(runbook([change('one'), broken({ onFailure: 'rollback' })]));
    await run.end();
    expect(await status(run)).toMatchObject({ state: 'rolled-back' });
  });
});
