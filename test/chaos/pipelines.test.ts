import { expect, test } from '@jest/globals';
import { stretched } from '../../embedded/pace.js';
import { pythonProgram } from '../../lab/python/program.js';
import { dbtProject, jobApi, pipelines } from './pipelines.js';
import { isLong, tell } from './tell.js';

const program = pythonProgram('dbt');
const seed = Number(process.env['RUNBOOK_SEED'] ?? (isLong ? Date.now() % 100_000 : 20_261_130));

test(
  'a job API: killed, damaged and poisoned, it ends right, no row twice, none lost',
  () => through('a job API', jobApi, isLong ? 40 : 4),
  stretched(isLong ? 1_800_000 : 120_000),
);

// dbt takes seconds to start: its kills in short are those of test/recovery/dbt.
if (isLong)
  (program === null ? test.skip : test)(
    'a dbt project: killed and damaged, it ends right, no row twice, none lost',
    () => through('dbt', () => dbtProject(program ?? ''), 12),
    stretched(1_800_000),
  );

async function through(
  what: string,
  open: Parameters<typeof pipelines>[0],
  rounds: number,
): Promise<void> {
  const say = (line: string): void => void process.stdout.write(isLong ? `${line}\n` : '');
  tell(`pipelines, ${what}: seed ${seed}`);
  const guarded = await pipelines(open, { rounds, seed, guarded: true }, say);
  const blind = await pipelines(open, { rounds, seed, guarded: false }, say);
  for (const [how, { right, rowsTwice, rowsLost, workerKills }] of Object.entries({
    'through the runbook': guarded,
    'resumed without a look': blind,
  }))
    tell(
      `pipelines, ${what}, ${how}: ${right} of ${rounds} right, ${rowsTwice} rows twice, ` +
        `${rowsLost} lost; ${workerKills} workers killed`,
    );
  expect(guarded).toMatchObject({ right: rounds, rowsTwice: 0, rowsLost: 0, wrong: [] });
  // The guard switched off: the same counting must then find something.
  expect(blind.right).toBeLessThan(rounds);
  expect(blind.rowsTwice + blind.rowsLost).toBeGreaterThan(0);
}
