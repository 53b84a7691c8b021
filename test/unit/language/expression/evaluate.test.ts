import { describe, expect, test } from '@jest/globals';
import type { Expression } from '../../../../language/expression/ast.js';
import { evaluate, holds, type Outcome } from '../../../../language/expression/evaluate.js';
import type { Scope } from '../../../../language/expression/evaluation.js';
import { parse } from '../../../../language/expression/parse.js';

function read(source: string): Expression {
  const parsed = parse(source);
  if ('problem' in parsed) throw new Error(`${source}: ${parsed.problem.message}`);
  return parsed.expression;
}

const value = (source: string, scope: Scope = {}): Outcome => evaluate(read(source), scope);
const why = (source: string, scope: Scope = {}): string[] => {
  const outcome = value(source, scope);
  return 'unknown' in outcome ? outcome.unknown.map(({ text }) => text) : [];
};

describe('three values', () => {
  const scope = { steps: { probe: { failed: true } } };

  test('a part that decides needs no other', () => {
    const source = 'steps.probe.failed || steps.probe.stdout.contains("x")';
    expect(holds(read(source), scope)).toBe(true);
    expect(holds(read(`!steps.probe.failed && steps.probe.stdout == ""`), scope)).toBe(false);
    expect(holds(read('steps.probe.stdout == "" || steps.probe.failed'), scope)).toBe(true);
  });

  test('what is missing is said', () => {
    expect(why('steps.probe.stdout.contains("x") && steps.probe.failed', scope)).toEqual([
      'there is no steps.probe.stdout',
    ]);
    expect(why('steps.a.b == 1 || steps.probe.stdout == ""', scope)).toEqual([
      'there is no steps.a',
      'there is no steps.probe.stdout',
    ]);
  });
});

test('parentheses at an edge belong to the text of a part', () => {
  expect(why('(1 + a) * (2 + b)', {})).toEqual(['there is no a', 'there is no b']);
  expect(why('2 * (("x") + 1)', {})).toEqual(['("x") + 1: cannot add a text and an integer']);
});
