import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { compile } from '../../../../language/expression/compile.js';
import { evaluate } from '../../../../language/expression/evaluate.js';
import type { Scope } from '../../../../language/expression/evaluation.js';
import { parse } from '../../../../language/expression/parse.js';
import type { Names } from '../../../../language/expression/types.js';

interface Line {
  source: string;
  result: string;
  scope: Scope;
  types: Names | undefined;
}

const lines = readTable(readFileSync('test/unit/language/expression/conformance.txt', 'utf8'));

function readTable(table: string): Line[] {
  const found: Line[] = [];
  let [scope, types]: [Scope, Names | undefined] = [{}, undefined];
  for (const line of table.split('\n')) {
    const [, directive, json = ''] = /^(scope|types) (\{.*\})$/.exec(line) ?? [];
    if (directive === 'scope') [scope, types] = [JSON.parse(json) as Scope, undefined];
    if (directive === 'types') types = JSON.parse(json) as Names;
    if (directive !== undefined || line === '' || line.startsWith('#')) continue;
    const at = line.lastIndexOf(' => ');
    found.push({ source: line.slice(0, at), result: line.slice(at + 4), scope, types });
  }
  return found;
}

test('the table is read whole', () => {
  expect(lines.length).toBeGreaterThan(350);
  expect(
    new Set(lines.map(({ source, scope, types }) => JSON.stringify([source, scope, types]))).size,
  ).toBe(lines.length);
});

test.each(lines)('$source => $result', ({ source, result, scope, types }) => {
  expect(told(source, scope, types)).toEqual(
    /^(unknown|problem): /.test(result) ? result : { value: JSON.parse(result) as unknown },
  );
});

function told(source: string, scope: Scope, types: Names | undefined): unknown {
  const parsed = parse(source);
  const compiled = types
    ? compile(source, types)
    : 'problem' in parsed
      ? { problems: [parsed.problem] }
      : parsed;
  if ('problems' in compiled) return `problem: ${compiled.problems[0]?.message}`;
  const outcome = evaluate(compiled.expression, scope);
  if ('value' in outcome) return outcome;
  return `unknown: ${outcome.unknown.map(({ text }) => text).join('; ')}`;
}
