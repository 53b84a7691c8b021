import { describe, expect, test } from '@jest/globals';
import { judge } from '../../activities/judge.js';
import type { DecisionEnvelope, VerdictCode } from '../../common/envelope.js';
import type { JudgeRequest } from '../../common/judgement.js';
import { digestOf } from '../../language/digest.js';

/*
 * Every reason to refuse a decision, and the order in which they are asked: who may not decide
 * learns nothing more.
 */

const undos = ['two', 'one'];
const asked = { attempt: 2, digest: 'seen' };

const facts: JudgeRequest = {
  version: 1,
  key: { run: 'run', firstRunId: 'first' },
  requester: 'requester',
  gates: [
    {
      id: 'gate',
      ...asked,
      state: 'waiting',
      approvers: 'another',
      decidedBy: null,
      decidedVerb: null,
    },
    {
      id: 'later',
      attempt: 0,
      digest: '',
      state: 'pending',
      approvers: 'anyone',
      decidedBy: null,
      decidedVerb: null,
    },
    {
      id: 'passed',
      ...asked,
      state: 'decided',
      approvers: 'anyone',
      decidedBy: 'ann',
      decidedVerb: 'approve',
    },
    {
      id: 'refused',
      ...asked,
      state: 'decided',
      approvers: 'anyone',
      decidedBy: 'ann',
      decidedVerb: 'reject',
    },
    {
      id: 'closed',
      ...asked,
      state: 'decided',
      approvers: 'anyone',
      decidedBy: null,
      decidedVerb: null,
    },
    {
      id: 'open',
      ...asked,
      state: 'waiting',
      approvers: 'anyone',
      decidedBy: null,
      decidedVerb: null,
    },
  ],
  desk: [
    { step: 'step', ...asked, state: 'waiting', answers: [], decidedBy: null, decidedVerb: null },
    {
      step: 'few',
      ...asked,
      state: 'waiting',
      verbs: ['retry', 'done'],
      answers: [],
      decidedBy: null,
      decidedVerb: null,
    },
    {
      step: 'needed',
      ...asked,
      state: 'waiting',
      answers: ['port', 'host'],
      decidedBy: null,
      decidedVerb: null,
    },
    {
      step: 'answered',
      ...asked,
      state: 'decided',
      answers: [],
      decidedBy: 'ann',
      decidedVerb: 'skip',
    },
    {
      step: 'changed',
      ...asked,
      state: 'waiting',
      approvers: 'another',
      answers: [],
      decidedBy: null,
      decidedVerb: null,
    },
    { step: 'closed', ...asked, state: 'decided', answers: [], decidedBy: null, decidedVerb: null },
  ],
  lease: {
    id: 'target:web',
    ...asked,
    state: 'waiting',
    held: 'target web is held',
    decidedBy: null,
  },
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
const life = (change: object): Partial<JudgeRequest> => ({
  life: { ...facts.life, ...change } as never,
});

describe('at a gate', () => {
  table([
    ['an approval', of({ gate: 'gate' }, 'approve'), 'accepted', /^Gate gate is approved\.$/],
    [
      'an approval with a name where none is asked for',
      of({ gate: 'gate' }, 'approve', { confirm: 'web' }),
      'accepted',
      /approved/,
    ],
    ['a rejection', of({ gate: 'gate' }, 'reject'), 'accepted', /^Gate gate is rejected\.$/],
    [
      'about another run, whatever else it says',
      of({ run: 'other' }, 'approve'),
      'wrong-run',
      /about run other, this is run/,
    ],
    ['about no gate', of({}, 'approve'), 'unknown-gate', /no gate "".*gate, later/],
    [
      'in a run without gates',
      of({ gate: 'x' }, 'approve'),
      'unknown-gate',
      /no gate "x"\. It has none\./,
      { gates: [] },
    ],
    [
      'before the run has come to it',
      of({ gate: 'later' }, 'approve'),
      'not-waiting',
      /not reached yet/,
    ],
    [
      'after somebody approved it',
      of({ gate: 'passed' }, 'approve'),
      'already-decided',
      /already approved by ann/,
    ],
    [
      'after somebody rejected it',
      of({ gate: 'refused' }, 'approve'),
      'already-decided',
      /already rejected by ann/,
    ],
    ['after it was closed', of({ gate: 'closed' }, 'approve'), 'already-decided', /already closed/],
    [
      'about an earlier attempt',
      of({ gate: 'gate' }, 'approve', { attempt: 1 }),
      'stale',
      /has changed since you looked/,
    ],
    [
      'about what it asked before',
      of({ gate: 'gate' }, 'approve', { digest: 'old' }),
      'stale',
      /runbook status run/,
    ],
    [
      'without a reason',
      of({ gate: 'gate' }, 'approve', { reason: ' ' }),
      'reason-missing',
      /--reason/,
    ],
    [
      'by who started the run',
      of({ gate: 'gate' }, 'approve', { by: 'requester' }),
      'own-request',
      /somebody else/,
    ],
    [
      'by who started the run, where anyone may',
      of({ gate: 'open' }, 'approve', { by: 'requester' }),
      'accepted',
      /approved/,
    ],
  ] as Row[]);

  test('the first of a batch wins, and the others are told who it was', () => {
    const approve = of({ gate: 'gate' }, 'approve');
    expect(judged([{ ...approve, by: 'ann' }, approve, of({ gate: 'gate' }, 'reject')])).toEqual([
      ['accepted', 'Gate gate is approved.'],
      ['already-decided', expect.stringContaining('approved by ann')],
      ['already-decided', expect.stringContaining('approved by ann')],
    ]);
  });

  test('a refused one does not close it', () => {
    const approve = of({ gate: 'gate' }, 'approve');
    expect(judged([{ ...approve, by: 'requester' }, approve]).map(([code]) => code)).toEqual([
      'own-request',
      'accepted',
    ]);
  });
});

describe('at the failure desk', () => {
  table([
    ['retry', of({ step: 'step' }, 'retry'), 'accepted', /Step step is tried again\.$/],
    ['skip', of({ step: 'step' }, 'skip'), 'accepted', /is skipped/],
    ['done', of({ step: 'step' }, 'done'), 'accepted', /counts as done by hand/],
    [
      'rollback',
      of({ step: 'step' }, 'rollback'),
      'accepted',
      /because of step step; what was changed is taken back/,
    ],
    [
      'abort',
      of({ step: 'step' }, 'abort'),
      'accepted',
      /because of step step; everything is left/,
    ],
    [
      'about a step that asks nothing',
      of({ step: 'other' }, 'retry'),
      'not-waiting',
      /Step "other" of this run has not failed/,
    ],
    ['about no step', of({}, 'retry'), 'not-waiting', /Step "" of this run/],
    [
      'of a run of an older release',
      of({ step: 'step' }, 'retry'),
      'not-waiting',
      /has not failed/,
      { desk: undefined as never },
    ],
    [
      'after somebody answered',
      of({ step: 'answered' }, 'retry'),
      'already-decided',
      /answered by ann with skip/,
    ],
    ['after it was closed', of({ step: 'closed' }, 'retry'), 'already-decided', /already closed/],
    [
      'about an earlier failure',
      of({ step: 'step' }, 'retry', { attempt: 1 }),
      'stale',
      /failed anew/,
    ],
    [
      'about another failure',
      of({ step: 'step' }, 'retry', { digest: 'old' }),
      'stale',
      /failed anew/,
    ],
    [
      'without a reason',
      of({ step: 'step' }, 'retry', { reason: '' }),
      'reason-missing',
      /--reason/,
    ],
    [
      'by who started the run, of what nobody has approved',
      of({ step: 'changed' }, 'retry', { by: 'requester' }),
      'own-request',
      /somebody else has to let it run/,
    ],
    [
      'of that by somebody else',
      of({ step: 'changed' }, 'retry'),
      'accepted',
      /Step changed is tried again/,
    ],
    [
      'by who started the run, to end that',
      of({ step: 'changed' }, 'abort', { by: 'requester' }),
      'accepted',
      /everything is left/,
    ],
    [
      'with what it does not offer',
      of({ step: 'few' }, 'skip'),
      'not-possible',
      /cannot be answered with skip: retry, done/,
    ],
    ['with what it offers', of({ step: 'few' }, 'retry'), 'accepted', /tried again/],
    [
      'changed inputs',
      of({ step: 'step' }, 'retry', { inputs: { word: 'b' } }),
      'accepted',
      /gates passed so far ask again/,
    ],
    [
      'inputs that cannot be',
      of({ step: 'step' }, 'retry', { inputs: { x: 1 } }),
      'input-refused',
      /^refused {"word":"a","x":1}$/,
    ],
    [
      'inputs where no life is known',
      of({ step: 'step' }, 'retry', { inputs: { x: 1 } }),
      'input-refused',
      /^refused {"x":1}$/,
      { life: undefined },
    ],
    [
      'inputs with another verb',
      of({ step: 'step' }, 'done', { inputs: { word: 'b' } }),
      'malformed',
      /go with retry, not with done/,
    ],
    [
      'skipping what others need',
      of({ step: 'needed' }, 'skip'),
      'output-missing',
      /\(port, host\): it cannot be skipped/,
    ],
    ['retrying what others need', of({ step: 'needed' }, 'retry'), 'accepted', /tried again/],
    [
      'done with a part of it',
      of({ step: 'needed' }, 'done', { outputs: { port: 1 } }),
      'output-missing',
      /add --output host=…\.$/,
    ],
    [
      'done with all of it',
      of({ step: 'needed' }, 'done', { outputs: { port: 1, host: '' } }),
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
    ['resume what goes on', { verb: 'resume' }, 'not-waiting', /not paused/],
    ['abort', { verb: 'abort' }, 'accepted', /being aborted/],
    [
      'abort a rollback',
      { verb: 'abort' },
      'accepted',
      /stops before its next step.*finish: one\.$/,
      life({ rollingBack: true, running: ['one'] }),
    ],
    ['rollback', { verb: 'rollback' }, 'accepted', /then taken back: two, one\.$/],
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
      /already taking back/,
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
    [
      'in a run of an older release',
      { verb: 'cancel' },
      'accepted',
      /being cancelled/,
      { life: undefined },
    ],
  ]);

  test('what one of a batch has changed holds for the next', () => {
    const verbs = (...list: string[]): VerdictCode[] =>
      judged(list.map((verb) => ({ verb }))).map(([code]) => code);
    expect(verbs('pause', 'pause', 'resume', 'resume')).toEqual([
      'accepted',
      'already-decided',
      'accepted',
      'not-waiting',
    ]);
    expect(verbs('pause', 'resume', 'cancel')).toEqual(['accepted', 'accepted', 'accepted']);
    // What is refused changes nothing.
    expect(
      judged([{ verb: 'abort', reason: ' ' }, { verb: 'cancel' }]).map(([code]) => code),
    ).toEqual(['reason-missing', 'accepted']);
    expect(verbs('pause', 'cancel', 'resume', 'cancel')).toEqual([
      'accepted',
      'accepted',
      'not-waiting',
      'not-possible',
    ]);
    expect(
      judged([{ verb: 'pause' }, { verb: 'pause' }], { life: undefined as never }).map(
        ([code]) => code,
      ),
    ).toEqual(['accepted', 'accepted']);
  });

  test('an answer at the desk leaves the run as it is', () => {
    const answers = judged(
      [of({ step: 'step' }, 'rollback'), { verb: 'resume' }],
      life({ paused: true }),
    );
    expect(answers.map(([code]) => code)).toEqual(['accepted', 'accepted']);
  });
});

describe('taking a target over', () => {
  const lease = (change: object): Partial<JudgeRequest> => ({
    lease: { ...facts.lease, ...change } as never,
  });
  table([
    [
      'as it was shown',
      of({}, 'take-over'),
      'accepted',
      /Taken over: target web is held\. That run changes nothing more/,
    ],
    [
      'where none is waited for',
      of({}, 'take-over'),
      'not-waiting',
      /waits for no target/,
      { lease: null },
    ],
    [
      'after somebody took it',
      of({}, 'take-over'),
      'already-decided',
      /ann takes the targets over already/,
      lease({ state: 'decided', decidedBy: 'ann' }),
    ],
    [
      'after it became free',
      of({}, 'take-over'),
      'already-decided',
      /no longer waits/,
      lease({ state: 'decided' }),
    ],
    [
      'from somebody who had it before',
      of({}, 'take-over', { digest: 'old' }),
      'stale',
      /Another run has the target by now/,
    ],
    [
      'about an earlier question',
      of({}, 'take-over', { attempt: 1 }),
      'stale',
      /runbook status run/,
    ],
    ['without a reason', of({}, 'take-over', { reason: '' }), 'reason-missing', /--reason/],
  ] as Row[]);

  test('the first of a batch takes it', () => {
    expect(judged([of({}, 'take-over', { by: 'ann' }), of({}, 'take-over')])).toEqual([
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
    const received = { ...whole, ...asked, verb: 'retry', step: 'step', inputs: { x: 1 } };
    const { verdicts } = judge({
      ...facts,
      decisions: [{ id: 'd', received, signal: 'decide', at: 'x' }],
    });
    expect(verdicts).toMatchObject([{ accepted: true }]);
  });
});
