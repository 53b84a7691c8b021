import type { ClientBase, Pool } from 'pg';
import { truthOf, type Summary, type Truth } from './source.js';
import { rowHash } from './stages.js';

type Queryable = Pool | ClientBase;

/** What the target holds, and keys that have no business there. */
export interface Measured extends Summary {
  unexpected: number;
}

/** $1 dataset, $2 lines of the source, $3 lines that may not reach the target. */
const measureTarget = `
WITH target AS (
  SELECT seq, count(*) AS copies, sum(distance) AS distance, sum(delay) AS delay, sum(${rowHash}) AS hash
    FROM flights WHERE dataset_id = $1 GROUP BY seq
), expected AS (
  SELECT seq FROM generate_series(1, $2::int) AS seq EXCEPT SELECT unnest($3::int[])
)
SELECT coalesce(sum(copies), 0)::int                                AS rows,
       coalesce(sum(distance), 0)::float8                           AS "sumDistance",
       coalesce(sum(delay), 0)::float8                              AS "sumDelay",
       coalesce(sum(hash), 0)::text                                 AS checksum,
       coalesce(sum(copies - 1), 0)::int                            AS duplicates,
       (SELECT count(*)::int FROM expected WHERE NOT EXISTS (SELECT 1 FROM target t WHERE t.seq = expected.seq))       AS missing,
       (SELECT count(*)::int FROM target t WHERE NOT EXISTS (SELECT 1 FROM expected WHERE expected.seq = t.seq))       AS unexpected
  FROM target`;

/** Counts the target by SQL, in one snapshot. */
export async function measure(database: Queryable, dataset: string, truth: Pick<Truth, 'lines' | 'excluded'>): Promise<Measured> {
  const { rows } = await database.query<Measured>(measureTarget, [dataset, truth.lines, truth.excluded]);
  return rows[0] as Measured;
}

/** The truth about a dataset's source, without the lines that somebody set aside. */
export async function truthOfDataset(database: Queryable, dataset: string, rows: number | undefined): Promise<Truth> {
  const letters = await database.query<{ seq: number }>('SELECT seq FROM dead_letters WHERE dataset_id = $1', [dataset]);
  return truthOf(
    rows,
    letters.rows.map(({ seq }) => seq),
  );
}
