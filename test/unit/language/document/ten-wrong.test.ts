import { expect, test } from '@jest/globals';
import { lint } from '../../../../language/document/lint.js';
import { problemText } from '../../../../language/document/show-problems.js';
import { library } from './library.js';
import { tenWrong } from './ten-wrong.js';

test.each(tenWrong.map((each) => [each.message.split('\n')[0], each] as const))(
  '%s',
  (_first, { file, text, message }) => {
    const told = lint(text, file, library()).map((each) => problemText(each));
    expect(told).toContain(message);
  },
);
