import { expect, test } from '@jest/globals';
import { exitCodeOf, hasEnded } from '../../../client/exit-codes.js';
import { runStates } from '../../../common/view.js';

const codes = {
  running: 0,
  waiting: 8,
  'needs-operator': 8,
  paused: 8,
  'rolling-back': 0,
  succeeded: 0,
  'succeeded-with-exceptions': 0,
  failed: 1,
  'rolled-back': 1,
  rejected: 5,
  cancelled: 130,
  terminated: 1,
};

test.each(runStates)('%s has its exit code', (state) => {
  expect(exitCodeOf(state)).toBe(codes[state]);
  expect(exitCodeOf(state, true)).toBe(state === 'succeeded-with-exceptions' ? 1 : codes[state]);
});

test('nothing that goes on counts as ended', () => {
  expect(runStates.filter((state) => !hasEnded(state))).toEqual([
    'running',
    'waiting',
    'needs-operator',
    'paused',
    'rolling-back',
  ]);
});
