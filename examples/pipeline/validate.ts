import type { Pool } from 'pg';
import { measure, truthOfDataset } from './measure.js';
import { Refused } from './refused.js';

export interface Validation {
  valid: boolean;
  rows: number;
  expectedRows: number;
  sumDistance: number;
  expectedSumDistance: number;
  sumDelay: number;
  expectedSumDelay: number;
  checksum: string;
  expectedChecksum: string;
  duplicates: number;
  missing: number;
  unexpected: number;
  /** One sentence for each difference. */
  problems: string[];
}

/** Compares the target with what the source says it must hold. @throws Refused when there is no such dataset */
export async function validate(pool: Pool, dataset: string): Promise<Validation> {
  const known = await pool.query<{ lines: number }>('SELECT lines FROM datasets WHERE id = $1', [dataset]);
  if (!known.rows[0])
    throw new Refused(404, 'no-such-dataset', `there is no dataset ${dataset}, or no job ever began to fill it`);
  const truth = await truthOfDataset(pool, dataset, known.rows[0].lines);
  const found = await measure(pool, dataset, truth);
  const problems: string[] = [];
  const differ = (what: string, is: string | number, should: string | number): void => {
    if (is !== should) problems.push(`${what} ${is}, expected ${should}`);
  };
  differ('rows', found.rows, truth.rows);
  differ('sum of distances', found.sumDistance, truth.sumDistance);
  differ('sum of delays', found.sumDelay, truth.sumDelay);
  differ('key checksum', found.checksum, truth.checksum);
  if (found.duplicates > 0) problems.push(`${found.duplicates} rows whose key is there already`);
  if (found.missing > 0) problems.push(`${found.missing} keys of the source are missing`);
  if (found.unexpected > 0) problems.push(`${found.unexpected} keys are there that should not be`);
  return {
    valid: problems.length === 0,
    rows: found.rows,
    expectedRows: truth.rows,
    sumDistance: found.sumDistance,
    expectedSumDistance: truth.sumDistance,
    sumDelay: found.sumDelay,
    expectedSumDelay: truth.sumDelay,
    checksum: found.checksum,
    expectedChecksum: truth.checksum,
    duplicates: found.duplicates,
    missing: found.missing,
    unexpected: found.unexpected,
    problems,
  };
}
