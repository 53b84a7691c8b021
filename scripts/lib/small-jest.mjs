/**
 * As much of jest as the driver's tests use, to run the same compiled tests many times in one
 * process: jest itself needs seconds to begin, and there are more than a thousand faults.
 */
import { createRequire } from 'node:module';
import { format } from 'node:util';

export const { expect } = createRequire(import.meta.url)('expect');

/**
 * @type {{ file: string, tests: { name: string, run: () => unknown }[], before: (() => unknown)[],
 *   after: (() => unknown)[] }[]}
 */
export const files = [];
const names = [];

/** What is declared from now on belongs to the file. */
export function inFile(file) {
  files.push({ file, tests: [], before: [], after: [] });
}

export function describe(name, declare) {
  names.push(name);
  declare();
  names.pop();
}

export function test(name, run) {
  files.at(-1).tests.push({ name: [...names, name].join(' › '), run });
}

test.each = (rows) => (name, run) => {
  for (const row of rows) {
    const values = Array.isArray(row) ? row : [row];
    const wanted = name.match(/%[sjdip]/g)?.length ?? 0;
    test(format(name, ...values.slice(0, wanted)), () => run(...values));
  }
};

export function beforeAll(run) {
  files.at(-1).before.push(run);
}

export function afterAll(run) {
  files.at(-1).after.push(run);
}
