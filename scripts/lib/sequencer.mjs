/**
 * The order of the test files: folder by folder as `suites.mjs` has them, the larger file first.
 * Tells the reporter's file which there are, so that what never ran can be named.
 */
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import Sequencer from '@jest/test-sequencer';
import { suites } from './suites.mjs';

const order = Object.values(suites).flatMap(({ folders }) => folders);

export default class extends Sequencer {
  sort(tests) {
    const sorted = [...super.sort(tests)].sort((one, other) => rank(one) - rank(other));
    const { RUNBOOK_TEST_PROGRESS: file } = process.env;
    if (file)
      appendFileSync(file, `${JSON.stringify({ files: sorted.map(({ path }) => path) })}\n`);
    return sorted;
  }
}

function rank({ path, context }) {
  const file = relative(context.config.rootDir, path);
  return order.findIndex((folder) => file.startsWith(`${folder}/`));
}
