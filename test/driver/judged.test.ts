import { describe, expect, test } from '@jest/globals';
import { judge } from '../../activities/judge.js';
import type { DecisionEnvelope, VerdictCode } from '../../common/envelope.js';
import type { JudgeRequest, QuestionFacts } from '../../common/judgement.js';
import { verbsFor, type AnswerVerb, type QuestionKind } from '../../common/questions.js';
import { digestOf } from '../../language/digest.js';

/*
 * Every reason to refuse a decision, and the order in which they are asked: who may not decide
 * learns nothing more.
 */

const undos = ['two', 'one'];
const asked = { attempt: 2, digest: 'seen' };

function question(
  kind: QuestionKind,
  id: string,
  change: Partial<QuestionFacts> = {},
): QuestionFacts {
  return {
    ...{ kind, id, ...asked, state: 'waiting', deciders: 'anyone' },
    verbs: verbsFor(kind),
    ...{ decidedBy: null, decidedVerb: null, ...change },
  };
}

function decided(verb: AnswerVerb): Partial<QuestionFacts> {
  return { state: 'decided', decidedBy: 'ann', decidedVerb: verb };
}

const facts: JudgeRequest = {
  version: 1,
  key: { run: 'run', firstRunId: 'first' },
  requester: 'requester',
  questions: [
    question('approval', 'gate', { deciders: 'another' }),
    question('approval', 'later', { attempt: 0, digest: '', state: 'pending' }),
    question('approval', 'passed', decided('approve')),
    question('approval', 'refused', decided('reject')),
    question('approval', 'closed', { state: 'decided' }),
    question('approval', 'open'),
    question('failure', 'step'),
    question('failure', 'few', { verbs: ['retry', 'done'] }),
    question('failure', 'needed', { answers: ['port', 'host'] }),
    question('failure', 'answered', decided('skip')),
    question('failure', 'changed', { deciders: 'another' }),
    question('failure', 'shut', { state: 'decided' }),
    question('undo', 'step.undo'),
    question('lease', 'target:web', { held: 'target web is held' }),
  ],
  ended: false,
  life: {
    paused: false,
    rollingBack: false,
    running: [],
    undos,
    runbook: 'told',
    inputs: { word: 'a' },
  },
  decisions: [],
};

const refuse = (runbook: string, before: object, changed: object): string | null =>
  JSON.stringify(changed) === '{"word":"b"}' && runbook === 'told'
    ? null
    : `refused ${JSON.stringify({ ...before, ...changed })}`;

/** @returns the code and the message of each decision of one batch */
function judged(decisions: object[], change: Partial<JudgeRequest> = {}): [VerdictCode, string][] {
  const request: JudgeRequest = {
    ...facts,
    ...change,
    decisions: decisions.map((decision, index) => ({
      id: `d${index}`,
      received: {
        version: 1,
        id: `d${index}`,
        run: 'run',
        by: 'bob',
        reason: 'because',
        ...decision,
      } as never,
      signal: 'decide',
      at: '2026-01-01T00:00:00.000Z',
    })),
  };
  const { verdicts } = judge(request, refuse);
  for (const verdict of verdicts) expect(verdict.accepted).toBe(verdict.code === 'accepted');
  return verdicts.map(({ code, message }) => [code, message]);
}

type Row = [string, Partial<DecisionEnvelope>, VerdictCode, RegExp, Partial<JudgeRequest>?];
const table = (rows: Row[]): void => {
  // As rest: jest would hand a callback to a parameter that a row leaves out.
  test.each(rows)('%s', (...[, decision, code, message, change]: Row) => {
    expect(judged([decision], change)).toEqual([[code, expect.stringMatching(message)]]);
  });
};
const of = (place: object, verb: string, more: object = {}): object => ({
  ...asked,
  ...place,
  verb,
  ...more,
});
const target = { about: { kind: 'target', id: 'target:web' } };
const life = (change: object): Partial<JudgeRequest> => ({
  life: { ...facts.life, ...change },
});

describe('at a gate', () => {
  table([
    [
      'an approval',
      of({ about: { kind: 'gate', id: 'gate' } }, 'approve'),
      'accepted',
      /^Gate gate is approved\.$/,
    ],
    [
      'an approval with a name where none is asked for',
      of({ about: { kind: 'gate', id: 'gate' } }, 'approve', { confirm: 'web' }),
      'accepted',
      /approved/,
    ],
    [
      'a rejection',
      of({ about: { kind: 'gate', id: 'gate' } }, 'reject'),
      'accepted',
      /^Gate gate is rejected\.$/,
    ],
    [
      'about another run, whatever else it says',
      of({ run: 'other' }, 'approve'),
      'wrong-run',
      /about run other, this is run/,
    ],
    ['about no gate', of({}, 'approve'), 'unknown-gate', /no gate "".*gate, later/],
    [
      'in a run without gates',
      of({ about: { kind: 'gate', id: 'x' } }, 'approve'),
      'unknown-gate',
      /no gate "x"\. It has none\./,
      { questions: [] },
    ],
    [
      'before the run has come to it',
      of({ about: { kind: 'gate', id: 'later' } }, 'approve'),
      'not-waiting',
      /not reached yet/,
    ],
    [
      'after somebody approved it',
      of({ about: { kind: 'gate', id: 'passed' } }, 'approve'),
      'already-decided',
      /already approved by ann/,
    ],
    [
      'after somebody rejected it',
      of({ about: { kind: 'gate', id: 'refused' } }, 'approve'),
      'already-decided',
      /already rejected by ann/,
    ],
    [
      'after it was closed',
      of({ about: { kind: 'gate', id: 'closed' } }, 'approve'),
      'already-decided',
      /already closed/,
    ],
    [
      'about an earlier attempt',
      of({ about: { kind: 'gate', id: 'gate' } }, 'approve', { attempt: 1 }),
      'stale',
      /has changed since you looked/,
    ],
    [
      'about what it asked before',
      of({ about: { kind: 'gate', id: 'gate' } }, 'approve', { digest: 'old' }),
      'stale',
      /has changed since you looked/,
    ],
    [
      'without a reason',
      of({ about: { kind: 'gate', id: 'gate' } }, 'approve', { reason: ' ' }),
      'reason-missing',
      /--reason/,
    ],
    [
      'by who started the run',
      of({ about: { kind: 'gate', id: 'gate' } }, 'approve', { by: 'requester' }),
      'own-request',
      /somebody else/,
    ],
    [
      'by who started the run, where anyone may',
      of({ about: { kind: 'gate', id: 'open' } }, 'approve', { by: 'requester' }),
      'accepted',
      /approved/,
    ],
  ] as Row[]);

  test('the first of a batch wins, and the others are told who it was', () => {
    const approve = of({ about: { kind: 'gate', id: 'gate' } }, 'approve');
    expect(
      judged([
        { ...approve, by: 'ann' },
        approve,
        of({ about: { kind: 'gate', id: 'gate' } }, 'reject'),
      ]),
    ).toEqual([
      ['accepted', 'Gate gate is approved.'],
      ['already-decided', expect.stringContaining('approved by ann')],
      ['already-decided', expect.stringContaining('approved by ann')],
    ]);
  });

  test('a refused one does not close it', () => {
    const approve = of({ about: { kind: 'gate', id: 'gate' } }, 'approve');
    expect(judged([{ ...approve, by: 'requester' }, approve]).map(([code]) => code)).toEqual([
      'own-request',
      'accepted',
    ]);
  });
});

describe('at the failure desk', () => {
  table([
    [
      'retry',
      of({ about: { kind: 'step', id: 'step' } }, 'retry'),
      'accepted',
      /Step step is tried again\.$/,
    ],
    ['skip', of({ about: { kind: 'step', id: 'step' } }, 'skip'), 'accepted', /is skipped/],
    [
      'done',
      of({ about: { kind: 'step', id: 'step' } }, 'done'),
      'accepted',
      /counts as done by hand/,
    ],
    [
      'rollback',
      of({ about: { kind: 'step', id: 'step' } }, 'rollback'),
      'accepted',
      /because of step step; what was changed is being undone/,
    ],
    [
      'abort',
      of({ about: { kind: 'step', id: 'step' } }, 'abort'),
      'accepted',
      /because of step step; everything is left/,
    ],
    ...(
      [
        ['skip', /^step\.undo is left out: .*the others are undone\.$/],
        ['done', /^step\.undo counts as done by hand; the others are undone\.$/],
        ['abort', /^The rollback ends at step\.undo; everything left stays as it is\.$/],
      ] as const
    ).map(([verb, text]): Row => {
      const about = { kind: 'step', id: 'step.undo' };
      return [`${verb} of an undo`, of({ about }, verb), 'accepted', text];
    }),
    [
      'about a step that asks nothing',
      of({ about: { kind: 'step', id: 'other' } }, 'retry'),
      'not-waiting',
      /Step "other" of this run has not failed/,
    ],
    ['about no step', of({}, 'retry'), 'not-waiting', /Step "" of this run/],
    [
      'after somebody answered',
      of({ about: { kind: 'step', id: 'answered' } }, 'retry'),
      'already-decided',
      /skipped by ann/,
    ],
    [
      'after it was closed',
      of({ about: { kind: 'step', id: 'shut' } }, 'retry'),
      'already-decided',
      /already closed/,
    ],
    [
      'about an earlier failure',
      of({ about: { kind: 'step', id: 'step' } }, 'retry', { attempt: 1 }),
      'stale',
      /failed anew/,
    ],
    [
      'about another failure',
      of({ about: { kind: 'step', id: 'step' } }, 'retry', { digest: 'old' }),
      'stale',
      /failed anew/,
    ],
    [
      'without a reason',
      of({ about: { kind: 'step', id: 'step' } }, 'retry', { reason: '' }),
      'reason-missing',
      /--reason/,
    ],
    [
      'by who started the run, of what nobody has approved',
      of({ about: { kind: 'step', id: 'changed' } }, 'retry', { by: 'requester' }),
      'own-request',
      /somebody else has to let it run/,
    ],
    [
      'of that by somebody else',
      of({ about: { kind: 'step', id: 'changed' } }, 'retry'),
      'accepted',
      /Step changed is tried again/,
    ],
    [
      'by who started the run, to end that',
      of({ about: { kind: 'step', id: 'changed' } }, 'abort', { by: 'requester' }),
      'accepted',
      /everything is left/,
    ],
    [
      'with what it does not offer',
      of({ about: { kind: 'step', id: 'few' } }, 'skip'),
      'not-possible',
      /cannot be answered with skip: retry, done/,
    ],
    [
      'with what it offers',
      of({ about: { kind: 'step', id: 'few' } }, 'retry'),
      'accepted',
      /tried again/,
    ],
    [
      'changed inputs',
      of({ about: { kind: 'step', id: 'step' } }, 'retry', { inputs: { word: 'b' } }),
      'accepted',
      /gates passed so far ask again/,
    ],
    [
      'inputs that cannot be',
      of({ about: { kind: 'step', id: 'step' } }, 'retry', { inputs: { x: 1 } }),
      'input-refused',
      /^refused {"word":"a","x":1}$/,
    ],
    [
      'inputs with another verb',
      of({ about: { kind: 'step', id: 'step' } }, 'done', { inputs: { word: 'b' } }),
      'malformed',
      /go with retry, not with done/,
    ],
    [
      'skipping what others need',
      of({ about: { kind: 'step', id: 'needed' } }, 'skip'),
      'output-missing',
      /\(port, host\): it cannot be skipped/,
    ],
    [
      'retrying what others need',
      of({ about: { kind: 'step', id: 'needed' } }, 'retry'),
      'accepted',
      /tried again/,
    ],
    [
      'done with a part of it',
      of({ about: { kind: 'step', id: 'needed' } }, 'done', { outputs: { port: 1 } }),
      'output-missing',
      /add --output host=…\.$/,
    ],
    [
      'done with all of it',
      of({ about: { kind: 'step', id: 'needed' } }, 'done', { outputs: { port: 1, host: '' } }),
      'accepted',
      /by hand/,
    ],
  ] as Row[]);
});

describe('of the run as a whole', () => {
  const busy = life({ running: ['one'] });
  table([
    [
      'pause',
      { verb: 'pause' },
      'accepted',
      /^The run is paused: nothing new begins until it is resumed\.$/,
    ],
    ['pause while a step runs', { verb: 'pause' }, 'accepted', /will finish: one\.$/, busy],
    ['pause again', { verb: 'pause' }, 'already-decided', /paused already/, life({ paused: true })],
    ['resume', { verb: 'resume' }, 'accepted', /goes on/, life({ paused: true })],
    ['resume what goes on', { verb: 'resume' }, 'already-decided', /not paused/],
    ['abort', { verb: 'abort' }, 'accepted', /being aborted/],
    [
      'abort a rollback',
      { verb: 'abort' },
      'accepted',
      /stops before its next step.*finish: one\.$/,
      life({ rollingBack: true, running: ['one'] }),
    ],
    ['rollback', { verb: 'rollback' }, 'accepted', /then undone: two, one\.$/],
    ['rollback as shown', { verb: 'rollback', digest: digestOf(undos) }, 'accepted', /rolled back/],
    [
      'rollback of something else than shown',
      { verb: 'rollback', digest: 'old' },
      'stale',
      /has changed since you looked/,
    ],
    [
      'rollback again',
      { verb: 'rollback' },
      'already-decided',
      /already being rolled back/,
      life({ rollingBack: true }),
    ],
    [
      'rollback of nothing',
      { verb: 'rollback' },
      'not-possible',
      /cancel or abort/,
      life({ undos: [] }),
    ],
    [
      'cancel, which needs no reason',
      { verb: 'cancel', reason: '' },
      'accepted',
      /being cancelled/,
    ],
    [
      'cancel a rollback',
      { verb: 'cancel' },
      'not-possible',
      /To stop that: abort/,
      life({ rollingBack: true }),
    ],
    [
      'anything else without a reason',
      { verb: 'abort', reason: ' ' },
      'reason-missing',
      /--reason/,
    ],
    [
      'when it has ended',
      { verb: 'cancel' },
      'not-waiting',
      /nothing left to cancel/,
      { ended: true },
    ],
  ]);

  test('what one of a batch has changed holds for the next', () => {
    const verbs = (...list: string[]): VerdictCode[] =>
      judged(list.map((verb) => ({ verb }))).map(([code]) => code);
    expect(verbs('pause', 'pause', 'resume', 'resume')).toEqual([
      'accepted',
      'already-decided',
      'accepted',
      'already-decided',
    ]);
    expect(verbs('pause', 'resume', 'cancel')).toEqual(['accepted', 'accepted', 'accepted']);
    // What is refused changes nothing.
    expect(
      judged([{ verb: 'abort', reason: ' ' }, { verb: 'cancel' }]).map(([code]) => code),
    ).toEqual(['reason-missing', 'accepted']);
    expect(verbs('pause', 'cancel', 'resume', 'cancel')).toEqual([
      'accepted',
      'accepted',
      'already-decided',
      'not-possible',
    ]);
  });

  test('an answer at the desk leaves the run as it is', () => {
    const answers = judged(
      [of({ about: { kind: 'step', id: 'step' } }, 'rollback'), { verb: 'resume' }],
      life({ paused: true }),
    );
    expect(answers.map(([code]) => code)).toEqual(['accepted', 'accepted']);
  });
});

describe('taking a target over', () => {
  const lease = (change: object): Partial<JudgeRequest> => ({
    questions: [question('lease', 'target:web', { held: 'target web is held', ...change })],
  });
  table([
    [
      'as it was shown',
      of(target, 'take-over'),
      'accepted',
      /Taken over: target web is held\. That run changes nothing more/,
    ],
    [
      'where none is waited for',
      of(target, 'take-over'),
      'not-waiting',
      /waits for no target/,
      { questions: [] },
    ],
    [
      'after somebody took it',
      of(target, 'take-over'),
      'already-decided',
      /ann takes the targets over already/,
      lease({ state: 'decided', decidedBy: 'ann' }),
    ],
    [
      'after it became free',
      of(target, 'take-over'),
      'already-decided',
      /no longer waits/,
      lease({ state: 'decided' }),
    ],
    [
      'from somebody who had it before',
      of(target, 'take-over', { digest: 'old' }),
      'stale',
      /Another run has the target by now/,
    ],
    [
      'about an earlier question',
      of(target, 'take-over', { attempt: 1 }),
      'stale',
      /has the target by now/,
    ],
    ['without a reason', of(target, 'take-over', { reason: '' }), 'reason-missing', /--reason/],
  ] as Row[]);

  test('the first of a batch takes it', () => {
    expect(judged([of(target, 'take-over', { by: 'ann' }), of(target, 'take-over')])).toEqual([
      ['accepted', expect.any(String)],
      ['already-decided', expect.stringContaining('ann')],
    ]);
  });
});

describe('what is no decision', () => {
  const whole = { version: 1, id: 'd', run: 'run', by: 'bob', reason: 'because', verb: 'pause' };
  test.each<[string, unknown, string]>([
    ['an unknown signal', whole, 'approve-everything'],
    ['an unknown field', { ...whole, more: 1 }, 'decide'],
    ['another version', { ...whole, version: 2 }, 'decide'],
    ['an unknown verb', { ...whole, verb: 'please' }, 'decide'],
    ['nobody', { ...whole, by: '' }, 'decide'],
    ['an attempt that cannot be', { ...whole, attempt: 0 }, 'decide'],
    ['a text', 'approve', 'decide'],
    ['nothing', null, 'decide'],
  ])('%s is refused before anything is looked at', (_name, received, signal) => {
    const { verdicts } = judge({
      ...facts,
      decisions: [{ id: 'd', received: received as never, signal, at: 'x' }],
    });
    expect(verdicts).toMatchObject([
      { decision: 'd', accepted: false, code: 'malformed', at: 'x' },
    ]);
    expect(verdicts[0]?.message).toContain(
      signal === 'decide' ? 'This is not a decision: ✖' : 'approve-everything',
    );
  });

  test('a decision nested so deep that to look at it fills the stack is none; a bug is not called one', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 50_000; level += 1) deep = [deep];
    const of = (outputs: unknown): JudgeRequest['decisions'] => [
      {
        id: 'd',
        received: { ...whole, verb: 'done', outputs: { deep: outputs } } as never,
        signal: 'decide',
        at: 'x',
      },
    ];
    expect(judge({ ...facts, decisions: of(deep) }).verdicts).toMatchObject([
      { code: 'malformed' },
    ]);
    const broken = {
      get inside(): never {
        throw new TypeError('a bug');
      },
    };
    expect(() => judge({ ...facts, decisions: of(broken) })).toThrow('a bug');
  });

  test('without admission at hand, changed inputs are not refused', () => {
    const received = {
      ...whole,
      ...asked,
      verb: 'retry',
      about: { kind: 'step', id: 'step' },
      inputs: { x: 1 },
    };
    const { verdicts } = judge({
      ...facts,
      decisions: [{ id: 'd', received, signal: 'decide', at: 'x' }],
    });
    expect(verdicts).toMatchObject([{ accepted: true }]);
  });
});
