import { expect, test } from '@jest/globals';
import { storedOutput } from '../../../activities/stored-output.js';
import { evaluateAnswer } from '../../../activities/judge-answer.js';

/* What the record cannot hold is told, and no code goes on with another value. */

test.each(['x\u0000y', 'z\ud800z'])('%j is for people alone', (id) => {
  const stored = storedOutput({ status: 200, json: { id } });
  expect(stored).toMatchObject({ status: 200, json: { truncated: true, cut: ['id'] } });
  expect(evaluateAnswer({ cel: 'out.json.id' }, stored)).toMatchObject({
    why: expect.stringContaining('is not whole') as unknown,
  });
  expect(evaluateAnswer({ cel: 'out.status' }, stored)).toEqual({ value: 200 });
});

test('what it can hold stays as it is', () => {
  const output = { stdout: 'grün 🎉', truncated: false };
  expect(storedOutput(output)).toEqual(output);
  expect(storedOutput(null)).toBeNull();
});
