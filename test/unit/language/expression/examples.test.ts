import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse as parseYaml } from 'yaml';
import { compile } from '../../../../language/expression/compile.js';
import { chainsIn } from '../../../../language/expression/names.js';
import type { Names } from '../../../../language/expression/types.js';
import { type Notation, Types } from './notation.js';
import { read } from './read.js';

/*
 * Every expression of the runbooks and named actions that the language was designed with, beside
 * the names and types that each of their files declares.
 */
interface Examples {
  kinds: Record<string, Record<string, Notation>>;
  run: Notation;
  documents: Record<string, Document>;
}

interface Document {
  inputs: Notation;
  steps?: Record<string, Notation>;
  target?: Notation;
  places: { names?: Record<string, Notation>; conditions?: string[]; values?: string[] }[];
}

const examples = parseYaml(readFileSync('test/unit/language/expression/examples.yaml', 'utf8'), {
  maxAliasCount: -1,
}) as Examples;
const types = new Types(examples.kinds);

interface Example {
  source: string;
  names: Names;
  isCondition: boolean;
}

function examplesOf({ inputs, steps = {}, target, places }: Document): Example[] {
  return places.flatMap(({ names: more = {}, conditions = [], values = [] }) => {
    const names = types.namesOf(inputs, steps, {
      run: examples.run,
      ...(target !== undefined && { target }),
      ...more,
    });
    return [
      ...conditions.map((source) => ({ source, names, isCondition: true })),
      ...values.map((source) => ({ source, names, isCondition: false })),
    ];
  });
}

const all = Object.entries(examples.documents).map(
  ([id, document]) => [id, examplesOf(document)] as const,
);

test('there are hundreds', () => {
  expect(all.flatMap(([, found]) => found).length).toBeGreaterThan(600);
});

describe('every expression of the example runbooks is read and has its types', () => {
  test.each(all)('%s', (_id, found) => {
    const problems = found.flatMap(({ source, names, isCondition }) => {
      const compiled = compile(source, names, isCondition ? 'boolean' : undefined);
      return 'problems' in compiled ? compiled.problems.map((each) => ({ source, ...each })) : [];
    });
    expect(problems).toEqual([]);
  });
});

test('a name that is misspelt is found, wherever it stands', () => {
  let [tried, unnoticed] = [0, 0];
  for (const { source, names } of all.flatMap(([, found]) => found))
    for (const [root, name] of chainsIn(read(source).ast)) {
      if (typeof name !== 'string' || !['inputs', 'steps', 'run'].includes(String(root))) continue;
      const misspelt = source.replace(`${root}.${name}`, `${root}.x_${name}`);
      if (misspelt === source) continue;
      tried += 1;
      if (!('problems' in compile(misspelt, names))) unnoticed += 1;
    }
  expect(unnoticed).toBe(0);
  expect(tried).toBeGreaterThan(500);
});
