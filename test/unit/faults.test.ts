import { describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

/*
 * What judges the tests is judged here: each fault changes the program when it is on, and none does when it is off.
 */

interface Fault {
  id: number;
  line: number;
  what: string;
}
type WithFaults = (source: string, file: string, firstId: number) => { text: string; faults: Fault[] };

const library = pathToFileURL(join(import.meta.dirname, '..', '..', 'scripts', 'lib', 'faults.mjs')).href;
const { withFaults } = (await import(library)) as { withFaults: WithFaults };

/** @returns what the function gives with each fault, by what the fault is */
function outcomes(source: string, ...args: unknown[]): Record<string, unknown> {
  const { text, faults } = withFaults(source, 'a.ts', 1);
  const { outputText } = ts.transpileModule(text, { compilerOptions: { target: ts.ScriptTarget.ES2022 } });
  const run = (active: number): unknown => {
    const fault = (id: number): boolean => id === active;
    // The faults are only worth something in a program that runs.
    // eslint-disable-next-line no-new-func, @typescript-eslint/no-implied-eval
    const made = new Function('__fault__', `${outputText}; return f;`) as (fault: unknown) => (...given: unknown[]) => unknown;
    return made(fault)(...args);
  };
  return { none: run(0), ...Object.fromEntries(faults.map(({ id, what }) => [what, run(id)])) };
}

describe('faults', () => {
  test('of a condition: it always holds, it never does', () => {
    expect(outcomes('function f(a) { if (a) return 1; return 2; }', true)).toEqual({ none: 1, 'a → true': 1, 'a → false': 2 });
    expect(outcomes('function f(a) { return !a ? 1 : 2; }', true)).toEqual({ none: 2, 'a → true': 2, 'a → false': 1 });
  });

  test('of several: each left out, and all', () => {
    const both = 'function f(a, b) { if (a && b) return 1; return 2; }';
    expect(outcomes(both, true, false)).toEqual({ none: 2, 'a && b → false': 2, 'a → true': 2, 'b → true': 1 });
    const either = 'function f(a, b) { if (a || b > 1) return 1; return 2; }';
    expect(outcomes(either, false, 1)).toEqual({
      ...{ none: 2, 'a || b > 1 → true': 1, 'a → false': 2, 'b > 1 → false': 2, 'b > 1 → with >=': 1 },
    });
  });

  test('of a default, of a case, of a statement', () => {
    expect(outcomes('function f(a) { return a ?? 7; }', 1)).toEqual({
      ...{ none: 1, 'a → the default is always taken': 7, 'a ?? 7 → without the default': 1 },
    });
    expect(outcomes(`function f(a) { switch (a) { case 1: return 'one'; default: return 'other'; } }`, 1)).toEqual({
      ...{ none: 'one', '1 → never matches': 'other' },
    });
    expect(outcomes('function f(a) { a.push(1); return a.length; }', [])).toMatchObject({ none: 1 });
    const left = outcomes('function f() { const a = []; if (true) a.push(1); else a.push(2); return a.length; }');
    expect(left).toMatchObject({ none: 1, 'a.push(1); → left out': 0 });
  });

  test('both sides of a boundary are worked out once, in their order', () => {
    const source = 'function f() { const seen = []; const n = (x) => { seen.push(x); return x; }; n(1) < n(1); return seen; }';
    expect(Object.values(outcomes(source)).every((seen) => Array.isArray(seen))).toBe(true);
    expect(outcomes(source)).toMatchObject({ none: [1, 1], 'n(1) < n(1) → with <=': [1, 1] });
  });
});
