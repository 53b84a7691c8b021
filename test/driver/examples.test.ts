import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Library } from '../../language/document/library.js';
import { Tests } from '../../testing/run-tests.js';
import { runbookFiles } from '../../worker/runbook-files.js';

/*
 * Runbooks that the language was designed against, run from start to end on the real engine, also
 * with each of their steps failing in turn.
 */

const folder = join(import.meta.dirname, 'examples');
const designed = join(import.meta.dirname, '../unit/language/document/examples');
const library = new Library(runbookFiles([designed]));
const files = readdirSync(folder).filter((name) => name.endsWith('.runbook.test.yaml'));

let tests: Tests;
beforeAll(async () => {
  tests = await Tests.open();
}, 60_000);
afterAll(() => tests?.close());

test.each(files)('%s passes, and generated runs find nothing', async (file) => {
  const text = readFileSync(join(folder, file), 'utf8');
  const { problems, cases, generated } = await tests.run(text, file, library, true);
  const told = [...problems, ...cases.flatMap((each) => each.problems)];
  expect(told.map(({ line, message }) => `${line}: ${message}`)).toEqual([]);
  expect(generated?.findings).toEqual([]);
  expect(generated?.runs).toBeGreaterThan(0);
});
