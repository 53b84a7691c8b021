import { expect, test } from '@jest/globals';
import { readAnswer } from '../../workflows/answer.js';

test.each([
  ['as the worker read it', { answer: { version: '2' } }, { version: '2' }],
  ['none', { answer: null }, null],
  [
    'as it was printed last',
    { stdout: 'a line\n{"version":"2"}\n', truncated: false },
    { version: '2' },
  ],
  ['of which a part was left out', { stdout: '{"version":"2"}', truncated: true }, null],
  ['of which nobody says that it is whole', { stdout: '{"version":"2"}' }, null],
  ['no JSON', { stdout: 'done', truncated: false }, null],
  ['no object', { stdout: '2', truncated: false }, null],
  ['of nobody', null, null],
])('an answer: %s', (_which, output, read) => {
  expect(readAnswer(output, 'deployer-version')).toEqual(read);
});
