import { describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

/*
 * What judges the tests is judged here: each fault changes the program when it is on, and none does
 * when it is off.
 */

interface Fault {
  id: number;
  file: string;
  line: number;
  in: string;
  what: string;
  killedBy?: string | null;
}
type WithFaults = (
  source: string,
  file: string,
  firstId: number,
) => { text: string; faults: Fault[] };

const library = (name: string): string =>
  pathToFileURL(join(import.meta.dirname, '..', '..', 'scripts', 'lib', name)).href;
const { withFaults } = (await import(library('faults.mjs'))) as { withFaults: WithFaults };
const { lastFound, mutantsDoc } = (await import(library('mutants-doc.mjs'))) as {
  lastFound: (doc: string) => (fault: Pick<Fault, 'file' | 'what'>) => string[] | null;
  mutantsDoc: (faults: Fault[], reasonOf: (fault: Fault) => string | undefined) => string;
};

/** @returns what the function gives with each fault, by what the fault is */
function outcomes(source: string, ...args: unknown[]): Record<string, unknown> {
  const { text, faults } = withFaults(source, 'a.ts', 1);
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022 },
  });
  const run = (active: number): unknown => {
    const fault = (id: number): boolean => id === active;
    // The faults are only worth something in a program that runs.
    // eslint-disable-next-line no-new-func, @typescript-eslint/no-implied-eval
    const made = new Function('__fault__', `${outputText}; return f;`) as (
      fault: unknown,
    ) => (...given: unknown[]) => unknown;
    return made(fault)(...args);
  };
  return { none: run(0), ...Object.fromEntries(faults.map(({ id, what }) => [what, run(id)])) };
}

describe('faults', () => {
  test('of a condition: it always holds, it never does', () => {
    expect(outcomes('function f(a) { if (a) return 1; return 2; }', true)).toEqual({
      none: 1,
      'a → true': 1,
      'a → false': 2,
    });
    expect(outcomes('function f(a) { return !a ? 1 : 2; }', true)).toEqual({
      none: 2,
      'a → true': 2,
      'a → false': 1,
    });
  });

  test('of several: each left out, and all', () => {
    const both = 'function f(a, b) { if (a && b) return 1; return 2; }';
    expect(outcomes(both, true, false)).toEqual({
      none: 2,
      'a && b → false': 2,
      'a → true': 2,
      'b → true': 1,
    });
    const either = 'function f(a, b) { if (a || b > 1) return 1; return 2; }';
    expect(outcomes(either, false, 1)).toEqual({
      ...{
        none: 2,
        'a || b > 1 → true': 1,
        'a → false': 2,
        'b > 1 → false': 2,
        'b > 1 → with >=': 1,
      },
    });
  });

  test('of a default, of a case, of a statement', () => {
    expect(outcomes('function f(a) { return a ?? 7; }', 1)).toEqual({
      ...{ none: 1, 'a → the default is always taken': 7, 'a ?? 7 → without the default': 1 },
    });
    expect(
      outcomes(
        `function f(a) { switch (a) { case 1: return 'one'; default: return 'other'; } }`,
        1,
      ),
    ).toEqual({
      ...{ none: 'one', '1 → never matches': 'other' },
    });
    expect(outcomes('function f(a) { a.push(1); return a.length; }', [])).toMatchObject({
      none: 1,
    });
    const left = outcomes(
      'function f() { const a = []; if (true) a.push(1); else a.push(2); return a.length; }',
    );
    expect(left).toMatchObject({ none: 1, 'a.push(1); → left out': 0 });
  });

  test('both sides of a boundary are worked out once, in their order', () => {
    const source =
      'function f() { const seen = []; const n = (x) => { seen.push(x); return x; }; n(1) < n(1); return seen; }';
    expect(Object.values(outcomes(source)).every((seen) => Array.isArray(seen))).toBe(true);
    expect(outcomes(source)).toMatchObject({ none: [1, 1], 'n(1) < n(1) → with <=': [1, 1] });
  });

  test('are named by the function that they are in', () => {
    const source = `class A { get b() { return [1].map((c) => c ?? 2); } }
      function d() { if (1) e(); }
      const f = () => !g;
      h();`;
    const { faults } = withFaults(source, 'a.ts', 1);
    expect([...new Set(faults.map((fault) => fault.in))]).toEqual(['A.b', 'd', 'f', '']);
  });
});

describe('the list of them', () => {
  const fault = (what: string, killedBy: string | null): Fault => ({
    id: 1,
    file: 'a.ts',
    line: 7,
    in: 'f',
    what,
    killedBy,
  });
  const all = [
    fault('a || b → true', 'x: one › two | three'),
    fault('c → left out', null),
    fault('d → true', null),
  ];
  const doc = mutantsDoc(all, ({ what }) =>
    what.startsWith('d') ? 'it is only words' : undefined,
  );

  test('counts what was found, what is excused, and what survived', () => {
    expect(doc).toContain('3 faults: 1 found, 1 excused, 1 found by no test.');
    expect(doc).toContain('| a.ts:7 | `d → true` | it is only words |');
  });

  test('tells the next run what found each; nothing of those that survived, were excused, or are new', () => {
    const found = lastFound(doc);
    expect(found({ file: 'a.ts', what: 'a || b → true' })).toEqual(['x: one › two | three']);
    for (const what of ['c → left out', 'd → true', 'e → true'])
      expect(found({ file: 'a.ts', what })).toBeNull();
    expect(found({ file: 'b.ts', what: 'a || b → true' })).toBeNull();
  });
});
