/**
 * Mutated runbooks, a hundred thousand or as many as are said, each run with another seed.
 *
 *   npm run fuzz:language -- 100000
 */
import { spawnSync } from 'node:child_process';

const times = process.argv[2] ?? '100000';
const seed = process.argv[3] ?? String(Math.floor(Math.random() * 2 ** 31));
process.stdout.write(`${times} mutations, seed ${seed}\n`);
const { status } = spawnSync(process.execPath, ['scripts/test.mjs', 'test/attacks/language'], {
  stdio: 'inherit',
  env: { ...process.env, RUNBOOK_MUTATIONS: times, RUNBOOK_SEED: seed },
});
process.exitCode = status ?? 1;
