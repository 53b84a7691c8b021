import { expect, test } from '@jest/globals';
import { lint } from '../../../../language/document/lint.js';
import { problemText } from '../../../../language/document/show-problems.js';
import { examples, library } from './library.js';

test('there are the examples of the design', () => {
  expect(examples.size).toBe(66);
});

test.each([...examples])('%s is read, and nothing is wrong with it', (file, text) => {
  const errors = lint(text, file, library()).filter(({ severity }) => severity === 'error');
  expect(errors.map((each) => problemText(each)).join('\n')).toBe('');
});
