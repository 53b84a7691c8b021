import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { declaration } from '../../lab/pipeline/declaration.js';

/*
 * The product knows no table, column, word or path that only our example pipeline has: what it
 * knows of a pipeline is declared. The words are those of the example's declaration, so that a new
 * one is looked for, too.
 */

const folders = [
  ...['activities', 'client', 'common', 'embedded', 'language', 'store', 'testing'],
  ...['worker', 'workflows'],
];

/** Where pipelines are recovered: here also words count that others use for something else. */
const ofPipelines =
  /^(workflows\/(pipeline|dag-failure)-recovery\/|language\/(pipeline|pipeline-faults|sql-name)\.ts$)/;

/** Words of every pipeline, or of every program. */
const anybodys = new Set([
  ...['id', 'status', 'stage', 'batch', 'reason', 'created_at', 'checkpoints', 'table'],
  ...['queued', 'running', 'completed', 'failed', 'stopped', 'progress', 'valid', 'missing'],
  ...['error.code', 'error.message', 'error.record'],
]);
/** Words that the rest of the product uses for something else. */
const elsewhere = new Set([
  'distance',
  'delay',
  'clean',
  'transform',
  'load',
  'extract',
  'duplicate',
  'seq',
]);

/** Every text of the declaration, with the names of its measures. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(textsIn);
}

const words = [
  ...new Set([...textsIn(declaration), ...Object.keys(declaration.data.checkpoints.sums)]),
]
  // `{job}` is a placeholder of ours; the rest of a path is the example's.
  .map((text) => text.replaceAll(/\/?\{\w+\}/g, ''))
  .filter((word) => word !== '' && !anybodys.has(word));

function wordsIn(path: string, text: string): string[] {
  return words
    .filter((word) => ofPipelines.test(path) || !elsewhere.has(word))
    .filter((word) => new RegExp(`(?<![\\w-])${escaped(word)}(?![\\w-])`).test(text));
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith('.ts'));
}

test('no word of the example pipeline is left in the product', () => {
  const files = folders.flatMap(filesOf);
  expect(files.length).toBeGreaterThan(100);
  const found = files.flatMap((path) =>
    wordsIn(path, readFileSync(path, 'utf8')).map((word) => `${path}: ${word}`),
  );
  // The same with each word put into a file: what the search would then find.
  const planted = words.filter(
    (word) => wordsIn('workflows/pipeline-recovery/x.ts', `'${word}'`).length > 0,
  );
  process.stderr.write(
    `words of the example in ${files.length} files: ${found.length}; planted: ${planted.length} of ${words.length}\n`,
  );
  expect(words).toEqual(
    expect.arrayContaining([
      'flights',
      'stage_clean',
      'distance',
      'dataset_id',
      'processing_jobs',
      '/api/v1/pipelines/status',
    ]),
  );
  expect(found).toEqual([]);
  expect(planted).toEqual(words);
});
