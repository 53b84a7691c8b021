import type pg from 'pg';
import { rowHashSql, type Summary } from './source.js';

type Queryable = Pick<pg.Client, 'query'>;

/** The target as it is, by SQL: what a recovery is measured by. */
export async function summarise(
  database: Queryable,
  dataset: string,
  truth: Summary,
): Promise<Summary> {
  const { rows } = await database.query<{
    rows: number;
    distance: string;
    delay: string;
    hash: string;
    keys: number;
    twice: number;
  }>(
    `SELECT count(*)::int AS rows, coalesce(sum(distance), 0)::text AS distance, coalesce(sum(delay), 0)::text AS delay,
            coalesce(sum(${rowHashSql}), 0)::text AS hash, count(DISTINCT seq)::int AS keys,
            (count(*) - count(DISTINCT seq))::int AS twice
       FROM flights WHERE dataset_id = $1`,
    [dataset],
  );
  const [found] = rows;
  return {
    rows: found?.rows ?? 0,
    sumDistance: found?.distance ?? '0',
    sumDelay: found?.delay ?? '0',
    checksum: found?.hash ?? '0',
    duplicates: found?.twice ?? 0,
    missing: Math.max(0, truth.rows - (found?.keys ?? 0)),
  };
}

/** What is wrong with the target, in sentences; empty when it equals the truth. */
export function differences(found: Summary, truth: Summary): string[] {
  const problems: string[] = [];
  if (found.rows !== truth.rows) problems.push(`${found.rows} rows, expected ${truth.rows}`);
  if (found.sumDistance !== truth.sumDistance)
    problems.push(`sum of distances ${found.sumDistance}, expected ${truth.sumDistance}`);
  if (found.sumDelay !== truth.sumDelay)
    problems.push(`sum of delays ${found.sumDelay}, expected ${truth.sumDelay}`);
  if (found.checksum !== truth.checksum) problems.push('key checksum differs');
  if (found.duplicates > 0) problems.push(`${found.duplicates} rows twice`);
  if (found.missing > 0) problems.push(`${found.missing} keys missing`);
  return problems;
}
