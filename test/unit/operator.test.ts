import { describe, expect, test } from '@jest/globals';
import { judge } from '../../activities/judge.js';
import { isBlank, operatorOf } from '../../common/operator.js';
import { whyNotAsked } from '../../common/shapes.js';
import type { DecisionEnvelope, Verdict } from '../../common/envelope.js';
import type { JudgeRequest } from '../../common/judgement.js';
import { operatorName } from '../../client/settings.js';

/** Written otherwise, these look like `alice` or are spoken like it. */
const likeAlice = [
  ...['alice ', ' alice', 'alice\u200b', 'alice\u2060', '\u0430lice', 'al\u0456ce', 'Ａlice'],
  ...['alice\u0000', 'alice\n', 'a\u00adlice', 'alic\u0435', 'alice\u0301', 'Alice Smith', ''],
  ...['x'.repeat(65), 'a'.repeat(100_000), '.alice', '-alice', 'alice/admin', '\u212Aate'],
];

describe('the name of an operator', () => {
  test('has one form, whatever is typed', () => {
    expect(['Alice', 'ALICE', 'alice'].map(operatorOf)).toEqual(['alice', 'alice', 'alice']);
    expect(operatorOf('ops+on.call_1@example-2')).toBe('ops+on.call_1@example-2');
    for (const name of likeAlice) expect(operatorOf(name)).toBeNull();
    for (const name of [null, 5, {}, undefined]) expect(operatorOf(name)).toBeNull();
  });

  test('is taken from the flag, the variable or the system, and refused where it is none', () => {
    expect(operatorName('Alice', {})).toBe('alice');
    expect(operatorName(undefined, { RUNBOOK_OPERATOR: 'Bob' })).toBe('bob');
    for (const name of likeAlice) {
      expect(() => operatorName(name, {})).toThrow("an operator's name has at most");
      if (name)
        expect(() => operatorName(undefined, { RUNBOOK_OPERATOR: name })).toThrow(
          'RUNBOOK_OPERATOR',
        );
    }
  });

  test('in a start is refused by admission where it is none', () => {
    const start = {
      version: 1,
      id: 'x',
      verb: 'start',
      run: 'r',
      runbook: 'b',
      inputs: {},
    } as const;
    for (const by of [...likeAlice, 'Alice'])
      expect(whyNotAsked({ ...start, by, reason: 'x' })).toContain('is no name');
    expect(whyNotAsked({ ...start, by: 'alice', reason: 'x'.repeat(2_001) })).toContain('2000');
    expect(whyNotAsked({ ...start, by: 'alice', reason: '' })).toBeNull();
  });
});

const answer = { about: { kind: 'gate', id: 'gate' }, attempt: 1, digest: 'seen' };

const request: JudgeRequest = {
  version: 1,
  key: { run: 'run', firstRunId: 'first' },
  requester: 'alice',
  questions: [
    {
      ...{ kind: 'approval', id: 'gate', attempt: 1, digest: 'seen', state: 'waiting' },
      ...{ verbs: ['approve', 'reject'], deciders: 'another' },
      ...{ decidedBy: null, decidedVerb: null },
    },
  ],
  ended: false,
  life: {
    paused: false,
    rollingBack: false,
    running: [],
    undos: ['one'],
    runbook: 'b',
    inputs: {},
  },
  decisions: [],
};

function verdicts(
  decisions: Partial<DecisionEnvelope>[],
  change: Partial<JudgeRequest> = {},
): Verdict[] {
  return judge({
    ...request,
    ...change,
    decisions: decisions.map((decision, index) => {
      const about = decision.verb === 'approve' ? answer : {};
      const id = `d${index}`;
      const received = {
        version: 1,
        id,
        run: 'run',
        by: 'bob',
        reason: 'why',
        ...about,
        ...decision,
      };
      return { id, received: received as never, signal: 'decide', at: '2026-03-01T02:00:00.000Z' };
    }),
  }).verdicts;
}

describe('who decides', () => {
  test('nobody passes as another person than the requester by the way the name is written', () => {
    let accepted = 0;
    for (const by of [...likeAlice, 'Alice', 'alice']) {
      const [verdict] = verdicts([{ verb: 'approve', by }]);
      if (verdict?.accepted) accepted += 1;
    }
    // What the comparison alone would let pass.
    const unguarded = likeAlice.filter((by) => by !== request.requester).length;
    process.stdout.write(
      `names that pass as another person: ${accepted}; compared alone: ${unguarded}\n`,
    );
    expect(accepted).toBe(0);
    expect(unguarded).toBeGreaterThan(0);
  });

  test('a requester of an earlier release is compared in the same form', () => {
    expect(verdicts([{ verb: 'approve', by: 'alice' }], { requester: 'Alice' })).toMatchObject([
      { code: 'own-request' },
    ]);
  });
});

test('a reason that nobody can see is none', () => {
  const invisible = [
    '',
    ' ',
    '\u200b',
    '\u2060\u00ad',
    '\u3164',
    '\u2800',
    '\u115f',
    '\ufeff',
    '\u0301',
    '\u202e',
  ];
  for (const reason of invisible) {
    expect(isBlank(reason)).toBe(true);
    expect(verdicts([{ verb: 'approve', reason }])).toMatchObject([{ code: 'reason-missing' }]);
    expect(verdicts([{ verb: 'pause', reason }])).toMatchObject([{ code: 'reason-missing' }]);
  }
  for (const reason of ['x', ' gut ', '修复', '?', '👍']) expect(isBlank(reason)).toBe(false);
});

describe('what is decided in one batch', () => {
  const approve = { verb: 'approve' } as const;
  const cancel = { verb: 'cancel', by: 'carol' } as const;
  const pause = { verb: 'pause', by: 'dora' } as const;
  const resume = { verb: 'resume', by: 'dora' } as const;
  const abort = { verb: 'abort', by: 'carol' } as const;

  test.each([
    [
      [approve, cancel],
      ['carol told the run to cancel: nothing follows', 'being cancelled'],
    ],
    [
      [cancel, approve],
      ['being cancelled', 'Nothing was changed: carol has just told the run to cancel'],
    ],
    [
      [approve, pause],
      ['dora told the run to pause: what follows begins when it is resumed', 'is paused'],
    ],
    [
      [pause, approve],
      ['is paused', 'The run is paused: what follows begins when it is resumed'],
    ],
    [
      [pause, cancel],
      ['carol told the run to cancel', 'being cancelled'],
    ],
    [
      [pause, resume, approve],
      ['dora told the run to resume', 'goes on', 'Gate gate is approved.'],
    ],
    [
      [approve, abort],
      ['carol told the run to abort: nothing follows', 'being aborted'],
    ],
  ])('%j: each answer says what became of it', (decisions, words) => {
    const answers = verdicts(decisions);
    answers.forEach(({ message }, index) => expect(message).toContain(words[index]));
  });
});
