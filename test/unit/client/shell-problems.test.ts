import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { shellProblems } from '../../../client/shell-problems.js';
import { read, type Written } from '../../../language/document/read.js';
import { examples } from '../language/document/library.js';

const head = 'runbook: x\nsteps:\n';
const told = async (steps: string): Promise<string[]> => {
  const problems = await shellProblems(read(head + steps, 'x.runbook.yaml') as Written);
  return problems.map(({ line, col, message, hint }) =>
    [`${line}:${col} ${message}`, ...(hint === undefined ? [] : [hint])].join('; '),
  );
};

test.each([
  [
    'a quote that is not closed',
    '- script: echo "a',
    ['3:16 this is no sh: reached EOF without closing quote `"`'],
  ],
  [
    'what is not closed, in a block with letters of several bytes',
    "- script: |\n    echo 'äöü' && ( echo b\n    echo c\n",
    ['4:19 this is no sh: reached EOF without matching `(` with `)`'],
  ],
  [
    'what only bash knows',
    '- script: |\n    set -u\n    a=(1 2)\n',
    [
      '5:7 this is no sh: arrays are a bash/mksh/zsh feature; write shell: bash, if the hosts have it',
    ],
  ],
  ['the same, in bash', '- script: "a=(1 2)"\n  shell: bash\n', []],
  [
    'an undo, a verification and a case',
    '- command: ls\n  undo: { script: "if" }\n  verify: { script: "done" }\n- branch: [{ case: a, steps: [{ script: "fi" }] }]\n',
    [4, 5, 6].map((line) => expect.stringContaining(`${line}:`)),
  ],
  [
    'one that the parser does not survive',
    `- script: "${'( '.repeat(3_000)}"\n`,
    ['3:12 this is no sh: it is nested too deep to be read'],
  ],
  ['no script at all', '- command: echo "\n', []],
  ['an empty one', '- script: ""\n', []],
])('%s', async (_what, steps, expected) => {
  expect(await told(steps)).toEqual(expected);
});

test('the scripts of the examples are shell', async () => {
  const library = [...examples].map(([file, text]) => read(text, file));
  const ours = ['disk-clean-up', 'postgres-backup', 'service-restart'].map((id) =>
    read(readFileSync(`examples/runbooks/${id}.runbook.yaml`, 'utf8'), id),
  );
  const problems = await Promise.all(
    [...library, ...ours].map(async (each) => ('places' in each ? shellProblems(each) : [])),
  );
  expect(problems.flat().map(({ file, line, message }) => `${file}:${line} ${message}`)).toEqual(
    [],
  );
});
