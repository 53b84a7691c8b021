import { describe, expect, test } from '@jest/globals';
import type { StepState } from '../../../common/view.js';
import type { CallFacts } from '../../../store/index.js';
import type { StepSpec } from '../../../language/runbook.js';
import { readExpression } from '../../../language/read-expression.js';
import { channelsFor } from '../../../worker/teller/channels.js';
import { contentOf } from '../../../worker/teller/content.js';
import { headline } from '../../../worker/teller/sections.js';
import { slackBody } from '../../../worker/teller/slack.js';
import { textOf } from '../../../worker/teller/text.js';

const settings = { command: 'runbook', where: null, uiUrl: null, namespace: 'default' };
const telling = { id: 'a', first: 'a', what: 'asked', number: 1, again: false } as const;

function facts(change: Partial<CallFacts> = {}, call: Partial<CallFacts['call']> = {}): CallFacts {
  return {
    key: { run: 'run-1', firstRunId: 'first' },
    ...{ execution: null, runbook: 'fix', title: 'Fix it', drill: false, state: 'waiting' },
    ...{ requester: 'alice', reason: 'late', startedAt: '2026-03-01T02:00:00.000Z' },
    targets: [{ name: 'orders', environment: 'production' }],
    ...{
      steps: [],
      inputs: {},
      did: null,
      changes: [],
      undone: [],
      begun: [],
      taken: null,
      decision: null,
      problem: null,
    },
    call: {
      ...{ kind: 'approval', id: 'gate', attempt: 1, title: 'Go on?', digest: 'sha256:d' },
      ...{ since: '2026-03-01T02:10:00.000Z', deadline: null, who: 'an operator' },
      ...{ evidence: {}, follows: null, closedAt: null, verbs: ['approve', 'reject'], ...call },
      command: call.command ?? 'runbook approve run-1 gate --digest sha256:d',
    },
    ...change,
  };
}

const change = (path: string, ordinal: number, undo: string | null) => ({
  ...{ path, title: `Do ${path}`, ordinal, undo, kind: 'sql' as const },
  ...{ effect: 'change' as const, state: 'succeeded' as StepState, attempts: 1 },
  startedAt: '2026-03-01',
});
const steps = [
  { id: 'a', title: 'A', kind: 'sql' as const, effect: 'change' as const },
  {
    ...{ id: 'b', title: 'B', kind: 'sql' as const, effect: 'change' as const },
    pointOfNoReturn: true,
  },
];

test('what can be undone ends at a point of no return, once that has begun', () => {
  const before = contentOf(
    telling,
    facts({ steps, changes: [change('a', 0, 'undo a')] }),
    settings,
  );
  expect(before.undo).toEqual({
    possible: [{ step: 'a', how: 'undo a' }],
    impossible: [],
    pointsOfNoReturn: ['b'],
  });
  const changes = [change('c', 2, 'undo c'), change('b', 1, null), change('a', 0, 'undo a')];
  const behind = contentOf(telling, facts({ steps, changes, begun: ['a', 'b', 'c'] }), settings);
  expect(behind.undo).toEqual({
    possible: [{ step: 'c', how: 'undo c' }],
    impossible: ['b', 'a'],
    pointsOfNoReturn: [],
  });
});

test('commands carry the digest and no reason, also those of an older release; one form is for scripts', () => {
  for (const command of [undefined, "runbook approve run-1 gate --confirm '…' --reason '…'"]) {
    const message = contentOf(telling, facts({}, command ? { command } : {}), settings);
    expect(message.commands.map((each) => each.command)).toEqual([
      'runbook approve run-1 gate --digest sha256:d',
      'runbook reject run-1 gate --digest sha256:d',
    ]);
    expect(message.form).toBe('runbook approve run-1 gate --digest sha256:d --reason TEXT --yes');
    expect(textOf(message)).toContain(`Form for scripts:\n  ${message.form}\n`);
  }
});

describe('a run that has ended and left something', () => {
  const ended = facts(
    {
      state: 'failed',
      problem: {
        type: 'CommandFailed',
        message: 'test ended with exit code 1',
        next: 'Read its whole output',
        command: 'logs run-1 c',
      },
      changes: [
        { ...change('c', 2, null), state: 'failed' },
        change('b', 1, null),
        change('a', 0, 'put it back'),
      ],
    },
    { kind: 'left', id: 'end:', title: 'The run has ended', verbs: [], command: '' },
  );
  const message = contentOf({ ...telling, what: 'left' }, ended, settings);

  test('says what is left and how to take it back, and asks nothing', () => {
    expect(headline(message)).toBe('Not taken back: Fix it: The run has ended (failed)');
    expect(textOf(message)).toBe(
      [
        'Not taken back: Fix it: The run has ended (failed)',
        [
          'The run has ended and asks nobody. 3 steps are not taken back: look at each, and',
          'take it back by hand where that is needed.',
        ].join('\n'),
        [
          '  run      run-1',
          '  runbook  Fix it (fix)',
          '  target   orders (production)',
          '  started  by alice at 2026-03-01 02:00:00 UTC: late',
          '  ended    failed at 2026-03-01 02:10:00 UTC',
          '  why      test ended with exit code 1. Read its whole output with:',
          '           runbook logs run-1 c',
        ].join('\n'),
        [
          'Not taken back:',
          '  a (Do a)  left as it is; by hand: put it back',
          '  b (Do b)  left as it is; it has no undo: look at the target, and decide',
          '  c (Do c)  it may have changed something; it has no undo: look at the target,',
          '            and decide',
        ].join('\n'),
        'See all of it:\n  runbook status run-1',
      ].join('\n\n'),
    );
    expect(message).toMatchObject({ commands: [], form: null, ack: null, over: null });
    const slack = JSON.stringify(slackBody(message));
    for (const { step, what, how } of message.left)
      for (const part of [step, what, how]) expect(slack).toContain(part);
  });

  test('no more than people read is listed, and all of it is in JSON', () => {
    const many = Array.from({ length: 30 }, (_, at) => change(`s${at}`, at, null));
    const long = contentOf({ ...telling, what: 'left' }, { ...ended, changes: many }, settings);
    expect(textOf(long)).toContain('and 10 more');
    expect(long.left).toHaveLength(30);
    const one = { ...ended, changes: many.slice(0, 1) };
    expect(textOf(contentOf({ ...telling, what: 'left' }, one, settings))).toContain(
      'One step is not taken back',
    );
  });

  test('what it had asked is over, which does not say that nobody is needed', () => {
    const call = { ...ended.call, kind: 'failure' as const, closedAt: '2026-03-01T02:20:00.000Z' };
    const over = contentOf({ ...telling, what: 'over' }, { ...ended, call }, settings);
    expect(textOf(over)).toContain('Nobody is asked any more');
    const good = contentOf(
      { ...telling, what: 'over' },
      { ...ended, call, state: 'succeeded' },
      settings,
    );
    expect(textOf(good)).toContain('Nobody is needed any more');
    expect(good.left).toEqual([]);
  });
});

test('long evidence is cut, and says so; nothing is lost of it in JSON', () => {
  const evidence = Object.fromEntries(
    Array.from({ length: 50 }, (_, at) => [`fact ${at}`, 'x'.repeat(500)]),
  );
  const message = contentOf(telling, facts({}, { evidence }), settings);
  expect(message.call.evidence).toEqual(evidence);
  const text = textOf(message);
  expect(text).toContain('and 20 more');
  expect(text).toContain(`${'x'.repeat(400)}…`);
});

test('the most specific level that names a channel replaces those below it', () => {
  const levels = { targets: [['t1', 't2'], undefined, ['t2', 't3']], worker: ['w'] };
  expect(channelsFor({ ...levels, run: ['a'], runbook: ['b'] })).toEqual(['a']);
  expect(channelsFor({ ...levels, run: null, runbook: ['b'] })).toEqual(['b']);
  expect(channelsFor(levels)).toEqual(['t1', 't2', 't3']);
  expect(channelsFor({ targets: [], worker: ['w'] })).toEqual(['w']);
  expect(channelsFor({ targets: [], worker: [] })).toEqual([]);
});

describe('a question that is over', () => {
  const over = (change: Partial<CallFacts>, call: Partial<CallFacts['call']> = {}) => {
    const closed = { closedAt: '2026-03-01T02:20:00.000Z', deadline: '2026-03-01T02:20:00.000Z' };
    const all = facts(change, { ...closed, ...call });
    return textOf(contentOf({ ...telling, what: 'over' }, all, settings)).replaceAll(/\s+/g, ' ');
  };
  const decision = (verb: string) => ({
    ...{ verb, by: 'bob', reason: 'no', at: '2026-03-01T02:15:00.000Z' },
  });

  test('says what becomes of the run, what was undone, and how it is started again', () => {
    const expired = over({
      state: 'rejected',
      undone: [{ step: 'close', title: 'Close the shop' }],
    });
    expect(expired).toContain('nobody answered before its deadline');
    expect(expired).toContain('the run it has ended: rejected');
    expect(expired).toContain('undone Close the shop (close)');
    expect(expired).toContain('Start it again with: runbook start --from run-1');
    expect(expired).not.toMatch(/waits|no answer by then/);
    expect(expired).toContain('waited from 2026-03-01 02:10:00 UTC');
  });

  test.each([
    ['approve', 'it goes on'],
    ['reject', 'it ends, and what it changed is undone'],
    ['rollback', 'it ends, and what it changed is undone'],
    ['abort', 'it ends, and everything is left as it is'],
    ['retry', 'it goes on'],
  ])('and what follows from %s, while it still goes on', (verb, then) => {
    expect(over({ state: 'running', decision: decision(verb) })).toContain(`the run ${then}`);
  });

  test('and that a gate which nobody answered ends it', () => {
    expect(over({ state: 'running' })).toContain('the run it ends, and what it changed is undone');
    expect(over({ state: 'running' }, { kind: 'failure' })).not.toContain('the run it ');
  });
});

test('how a run went is told to those that it had asked, also when it left nothing', () => {
  const call = { kind: 'left' as const, id: 'end:', title: 'The run has ended', verbs: [] };
  const ended = contentOf(
    { ...telling, what: 'left' },
    facts({ state: 'succeeded' }, call),
    settings,
  );
  expect(ended).toMatchObject({ what: 'ended', left: [], startAgain: null });
  expect(headline(ended)).toBe('Ended: Fix it: The run has ended (succeeded)');
  expect(textOf(ended)).toContain('The run has ended: succeeded. Nobody is needed any more.');
  const failed = facts({ state: 'failed', undone: [{ step: 'a', title: 'A' }] }, call);
  const text = textOf(contentOf({ ...telling, what: 'left' }, failed, settings));
  expect(text).toContain('The run has ended: failed.');
  expect(text).toMatch(/undone +A \(a\)/);
  expect(text).toContain('Start it again with:\n  runbook start --from run-1');
});

test('evidence with lines of its own keeps them, spaces included, and is cut visibly', () => {
  const printed = 'total 8\n-rw-r--r--  1 root    12 a.txt\n-rw-r--r--  1 root  1200 b.txt\n';
  const of = (evidence: Record<string, string>) =>
    contentOf(telling, facts({}, { evidence }), settings);
  const text = textOf(of({ 'what is there': printed, host: 'web1' }));
  const hanging = ' '.repeat(2 + 'what is there'.length + 2);
  for (const each of printed.trimEnd().split('\n').slice(1))
    expect(text).toContain(`\n${hanging}${each}\n`);
  expect(text).toContain('  what is there  total 8\n');
  expect(JSON.stringify(slackBody(of({ printed })))).toContain(String.raw`total 8\n-rw`);
  const many = textOf(of({ all: Array.from({ length: 90 }, (_, at) => `line ${at}`).join('\n') }));
  expect(many).toContain('line 19\n       …\n');
  expect(many).not.toContain('line 20');
  expect(textOf(of({ all: `${'x'.repeat(4_000)}\nend` }))).toContain('…');
});

test('why a step cannot be undone stands at the gate, and where it is left', () => {
  const noUndo = 'shelves stay clean';
  const spec = { id: 'a', title: 'A', kind: 'sql' as const, effect: 'change' as const, noUndo };
  const follows = [
    {
      ...{ step: 'a', title: 'A', kind: 'sql' as const, effect: 'change' as const, targets: [] },
      ...{ works: [], tried: '', noUndo },
    },
  ];
  const done = { steps: [spec], changes: [change('a', 0, null)] };
  const gate = textOf(contentOf(telling, facts(done, { follows }), settings));
  expect(gate).toContain('changes something; cannot be undone: shelves stay clean');
  expect(gate).toContain('Cannot be undone: a (shelves stay clean)');
  const call = { kind: 'left' as const, id: 'end:', title: 'The run has ended', verbs: [] };
  const left = contentOf(
    { ...telling, what: 'left' },
    facts({ ...done, state: 'failed' }, call),
    settings,
  );
  expect(left.left[0]?.how).toBe(
    'cannot be undone: shelves stay clean; look at the target, and decide',
  );
});

test('a step that failed says what it does, what shows its output, and where commands work', () => {
  const work = { action: { kind: 'command', argv: ['rm', '-f', 'a'] } };
  const spec = { id: 'a', title: 'A', kind: 'command' as const, effect: 'change' as const, work };
  const call = { kind: 'failure' as const, id: 'a', verbs: ['retry' as const] };
  const where = 'in /srv/runbooks on ops1';
  const of = (change: Partial<CallFacts['call']> = {}, at: string | null = where) =>
    textOf(
      contentOf(telling, facts({ steps: [spec] }, { ...call, ...change }), {
        ...settings,
        where: at,
      }),
    );
  expect(of()).toContain('What it does:\n  run rm -f a\n');
  expect(of()).toContain('What it has written:\n  runbook logs run-1 a\n');
  expect(of()).toContain(`The commands work:\n  ${where}\n`);
  expect(of()).toContain('no deadline: it waits for ever');
  expect(of({ kind: 'undo', id: 'a.undo' })).toContain('runbook logs run-1 a\n');
  expect(of({}, null)).not.toContain('The commands work');
  expect(of({ kind: 'approval', id: 'gate' })).not.toMatch(/What it does|has written/);
});

describe('what a step that failed was asked to do', () => {
  const failure = { kind: 'failure', id: 'all/a/do' } as const;
  const word = readExpression('inputs.word');
  const other = readExpression('steps.one.word');
  const declared: StepSpec[] = [
    {
      ...{ id: 'all', title: 'All', kind: 'forEach', effect: 'change', items: ['a'] },
      steps: [
        {
          ...{ id: 'do', title: 'Do', kind: 'command', effect: 'change', undo: 'Take it back' },
          work: {
            action: { kind: 'command', argv: ['do', word, other] as never },
            undo: { kind: 'command', argv: ['undo', word] as never },
          },
        },
      ],
    },
  ];
  const told = (change: Partial<CallFacts>, call: Partial<CallFacts['call']> = failure) =>
    contentOf(
      telling,
      facts({ steps: declared, inputs: { word: 'hello' }, ...change }, call),
      settings,
    );

  test('is what its last attempt was given, with all values', () => {
    const did = ['2 statements in one transaction at orders:', "1. DELETE (a = 'x')", '2. SELECT'];
    const message = told({ did });
    expect(message.did).toEqual(did);
    expect(textOf(message)).toContain(
      "What it does:\n  2 statements in one transaction at orders:\n  1. DELETE (a = 'x')\n  2. SELECT",
    );
    const many = Array.from({ length: 30 }, (_, at) => `${at + 1}. SELECT`);
    expect(textOf(told({ did: many }))).toMatch(/20\. SELECT\n {2}and 10 more/);
  });

  test('is told from the plan, with the values that are known, when it was never begun', () => {
    expect(told({}).did).toEqual(['run do hello {steps.one.word}']);
    expect(textOf(told({}))).not.toContain('{inputs.');
    expect(told({}, { ...failure, id: 'all' }).did).toEqual([]);
    expect(told({}, { ...failure, id: 'no-such-step' }).did).toEqual([]);
  });

  test('is nothing that people do: their question says what', () => {
    const undo = { kind: 'undo', id: 'all/a/do.undo' } as const;
    expect(told({}, undo).did).toEqual([]);
    expect(told({ did: ['run undo hello'] }, undo).did).toEqual(['run undo hello']);
    expect(told({ did: ['x'] }, { kind: 'approval', id: 'gate' }).did).toEqual([]);
  });
});
