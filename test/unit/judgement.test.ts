import { expect, test } from '@jest/globals';
import { letsGoOn, type QuestionFacts } from '../../common/judgement.js';
import type { QuestionKind } from '../../common/questions.js';

/* Which answers let a run go on changing its targets: those of the table, about what is asked. */

function asked(kind: QuestionKind, id: string): QuestionFacts {
  return { kind, id } as QuestionFacts;
}

test.each<[QuestionKind, 'gate' | 'step', string, boolean]>([
  ['approval', 'gate', 'approve', true],
  ['approval', 'gate', 'reject', false],
  ['failure', 'step', 'retry', true],
  ['failure', 'step', 'abort', false],
  ['undo', 'step', 'retry', false],
])('of a question %s about a %s, %s: %s', (kind, about, verb, expected) => {
  // Groups inside of groups make long paths.
  for (const id of ['restart', 'a'.repeat(300)]) {
    const questions = [asked('manual', 'other'), asked(kind, id)];
    const received = { verb, about: { kind: about, id } };
    expect(letsGoOn(received, questions)).toBe(expected);
    expect(letsGoOn({ ...received, about: { kind: about, id: 'nothing' } }, questions)).toBe(false);
  }
});

test('what calls itself a decision and is none lets nothing go on', () => {
  for (const received of [null, 'approve', [], { verb: 'approve' }, { about: 'gate' }])
    expect(letsGoOn(received, [asked('approval', 'gate')])).toBe(false);
});
