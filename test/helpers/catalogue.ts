import { readFileSync } from 'node:fs';
import type { RunbookSpec } from '../../language/runbook.js';
import { catalogue } from '../../workflows/catalogue.js';
import { testCatalogue } from '../engine/specs.js';
import { runbookOf } from './runbook.js';

/** What the workers of a test know. @param env `TEST_PLANS` names the file of its plans */
export function catalogueOfTest(env: Readonly<Record<string, string | undefined>>): RunbookSpec[] {
  const file = env['TEST_PLANS'];
  const plans = file === undefined ? [] : (JSON.parse(readFileSync(file, 'utf8')) as object[]);
  return [...testCatalogue, ...catalogue, ...plans.map(runbookOf)];
}
