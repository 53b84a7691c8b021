import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { changeLine, changesOf } from '../../../client/changes.js';
import { failureWords } from '../../../client/pending.js';
import type { RunView } from '../../../common/view.js';
import { step, view } from './views.js';

const at = (second: number): string =>
  new Date(Date.parse('2026-03-01T02:00:00.000Z') + second * 1_000).toISOString();

const wait = {
  kind: 'approval' as const,
  id: 'gate',
  title: 'May it?',
  since: at(3),
  deadline: null,
  who: 'an operator',
  deciders: 'anyone' as const,
  verbs: ['approve', 'reject'] as const,
  attempt: 1,
  digest: 'd',
  evidence: {},
  command: 'runbook approve r gate',
};
const approved = {
  id: 'd1',
  verb: 'approve',
  about: { kind: 'gate' as const, id: 'gate' },
  by: 'bob',
  reason: 'fine',
  at: at(5),
  accepted: true,
  code: 'accepted',
  message: 'Approved.',
};
const refused = {
  ...approved,
  id: 'd0',
  by: 'alice',
  at: at(4),
  accepted: false,
  code: 'own-request',
  message: 'Somebody else has to.',
};

/** A run as it stood at every moment of its life. */
const life: RunView[] = (() => {
  const first = step('first', { state: 'running', startedAt: at(1), attempts: 1 });
  const firstDone = { ...first, state: 'succeeded' as const, endedAt: at(2), attempts: 2 };
  const gate = step('gate', { kind: 'approval', state: 'waiting', startedAt: at(3), attempts: 1 });
  const gateDone = { ...gate, state: 'succeeded' as const, endedAt: at(5) };
  const last = step('last', { state: 'running', startedAt: at(6) });
  const lastDone = {
    ...last,
    state: 'failed' as const,
    endedAt: at(7),
    error: { type: 'CommandFailed' as const, message: 'exit code 1' },
  };
  const pending = [step('gate', { kind: 'approval' }), step('last')];
  return [
    view({ startedAt: at(0), steps: [step('first'), ...pending] }),
    view({ startedAt: at(0), steps: [first, ...pending] }),
    view({ startedAt: at(0), steps: [firstDone, ...pending] }),
    view({
      startedAt: at(0),
      state: 'waiting',
      steps: [firstDone, gate, step('last')],
      waitingFor: [wait],
    }),
    view({
      startedAt: at(0),
      state: 'waiting',
      steps: [firstDone, gate, step('last')],
      waitingFor: [wait],
      decisions: [refused],
    }),
    view({
      startedAt: at(0),
      steps: [firstDone, gateDone, step('last')],
      decisions: [refused, approved],
    }),
    view({ startedAt: at(0), steps: [firstDone, gateDone, last], decisions: [refused, approved] }),
    view({
      startedAt: at(0),
      state: 'failed',
      endedAt: at(8),
      steps: [firstDone, gateDone, lastDone],
      decisions: [refused, approved],
      problem: { type: 'CommandFailed', message: 'exit code 1' },
    }),
  ];
})();

function told(views: readonly RunView[]): string[] {
  const keys: string[] = [];
  for (const each of views)
    for (const change of changesOf(each)) if (!keys.includes(change.key)) keys.push(change.key);
  return keys;
}

describe('lines of watch', () => {
  const everything = told(life);

  test('tell the whole story, in order', () => {
    expect(everything).toEqual([
      'start',
      'step first begin',
      'step first end succeeded',
      'wait gate 1',
      'decision d0 own-request',
      'decision d1 accepted',
      'step last begin',
      'step last end failed',
      'end',
    ]);
  });

  test('whichever moments were missed, the same lines in the same order, none twice', () => {
    fc.assert(
      fc.property(fc.subarray(life.slice(0, -1)), (seen) => {
        expect(told([...seen, life.at(-1)!])).toEqual(everything);
      }),
    );
  });

  test('are one line each, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (reason) => {
        for (const change of changesOf(view({ reason })))
          expect(changeLine(change)).toMatch(/^\d\d:\d\d:\d\dZ {2}[^\n\u001b]*$/);
      }),
    );
  });

  test('a gate that closed without a decision says so', () => {
    const gate = step('gate', {
      kind: 'approval',
      state: 'failed',
      startedAt: at(3),
      endedAt: at(9),
      error: { type: 'Expired', message: 'nobody decided gate before its deadline' },
    });
    expect(
      changesOf(view({ steps: [gate] }))
        .map(changeLine)
        .join('\n'),
    ).toContain('nobody decided gate before its deadline');
  });

  test('an attempt after the first tells why the one before failed', () => {
    const running = step('a', { state: 'running', startedAt: at(1) });
    const lines = changesOf(view({ steps: [running] }), [
      { step: 'a', attempt: 3, lastFailure: 'no answer', progress: null },
    ]);
    expect(lines.map((each) => each.text)).toContain('attempt 3: no answer');
  });

  test.each([
    [
      'a worker that died',
      { message: 'activity Heartbeat timeout', timeoutFailureInfo: { timeoutType: 4 } },
      'nothing was heard of its worker any more',
    ],
    ['a step that failed', { message: 'exit 1' }, 'exit 1'],
    ['no failure', undefined, null],
  ])('%s is told in words', (_name, failure, words) => {
    expect(failureWords(failure)).toBe(words);
  });
});
