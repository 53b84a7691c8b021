import { expect, test } from '@jest/globals';
import { readAnswer } from '../../workflows/answer.js';

test.each([
  ['as the worker read it', { answer: { version: '2' } }, { version: '2' }],
  ['none', { answer: null }, null],
  ['that was only printed', { stdout: '{"version":"2"}\n', truncated: false }, null],
  ['of nobody', null, null],
])('an answer: %s', (_which, output, read) => {
  expect(readAnswer(output, 'deployer-version')).toEqual(read);
});
