import type { SqlStatement } from '../../language/kinds/sql.js';
import { stages, type Stage } from './spec.js';

/*
 * The runbook's statements on the pipeline's database. Values are parameters, table names are these
 * constants.
 */

const tableOf: Record<Stage, string> = {
  extract: 'stage_extract',
  clean: 'stage_clean',
  transform: 'stage_transform',
  load: 'flights',
};

/**
 * The jobs of the last 24 hours; and, however old it is, the job asked for, with all later jobs of
 * its dataset: $1 pipeline, $2 job or null.
 */
export const recentJobs: SqlStatement = {
  as: 'jobs',
  text: `
WITH jobs AS (
  SELECT id, status, stage, dataset_id, created_at, completed_at FROM processing_jobs WHERE pipeline = $1
), recent AS (
  SELECT * FROM jobs WHERE created_at > now() - interval '24 hours' ORDER BY created_at DESC, id DESC LIMIT 50
), asked AS (
  SELECT * FROM jobs WHERE id = $2::text
), since AS (
  SELECT jobs.* FROM jobs JOIN asked USING (dataset_id) WHERE jobs.created_at >= asked.created_at
   ORDER BY jobs.created_at DESC, jobs.id DESC LIMIT 50
)
SELECT * FROM recent UNION SELECT * FROM asked UNION SELECT * FROM since ORDER BY created_at DESC, id DESC`,
};

/** Order-independent checksum of keys and amounts; the pipeline's checkpoints claim the same. */
const rowHash = `('x' || substr(md5(seq || ':' || coalesce(distance::text, '') || ':' || coalesce(delay::text, '')), 1, 15))::bit(60)::bigint`;

/**
 * Proves a stage's checkpoints against its rows: $1 dataset. A batch is bad when its cumulative
 * claim (rows, sums, checksum) differs from what is there, when it holds a key a second time, or
 * when it lacks a key of the stage before.
 */
export function proveStage(stage: Stage): string {
  const table = tableOf[stage];
  const before = stages[stages.indexOf(stage) - 1];
  return `
WITH claims AS (
  SELECT DISTINCT ON (batch) batch, rows_total, sum_distance, sum_delay, key_checksum
    FROM checkpoints WHERE dataset_id = $1 AND stage = '${stage}' ORDER BY batch, id DESC
), present AS (
  SELECT batch, count(*) AS n, sum(distance) AS distance, sum(delay) AS delay, sum(${rowHash}) AS hash
    FROM ${table} WHERE dataset_id = $1 GROUP BY batch
), cumulative AS (
  SELECT c.batch, c.rows_total, c.sum_distance, c.sum_delay, c.key_checksum,
         (SELECT coalesce(sum(n), 0) FROM present p WHERE p.batch <= c.batch) AS n,
         (SELECT coalesce(sum(distance), 0) FROM present p WHERE p.batch <= c.batch) AS distance,
         (SELECT coalesce(sum(delay), 0) FROM present p WHERE p.batch <= c.batch) AS delay,
         (SELECT coalesce(sum(hash), 0) FROM present p WHERE p.batch <= c.batch) AS hash
    FROM claims c
), twice AS (
  ${repeatedKeys(stage)}
), absent AS (
  ${missingKeys(stage, before)}
), newest AS (
  SELECT coalesce(max(batch), 0) AS batch FROM claims
), bad AS (
  SELECT batch FROM cumulative
   WHERE rows_total <> n OR sum_distance <> distance OR sum_delay <> delay OR key_checksum <> hash::text
  UNION ALL SELECT batch FROM twice
  UNION ALL SELECT batch FROM absent
), first_bad AS (
  SELECT min(bad.batch) AS batch FROM bad, newest WHERE bad.batch <= newest.batch
), good AS (
  SELECT coalesce((SELECT max(c.batch) FROM claims c, first_bad WHERE first_bad.batch IS NULL OR c.batch < first_bad.batch), 0) AS batch
)
SELECT (SELECT count(*) FROM claims)                                            AS checkpoints,
       newest.batch                                                             AS last_batch,
       good.batch                                                               AS good_batch,
       first_bad.batch                                                          AS bad_batch,
       coalesce(at.rows_total, 0)                                               AS claimed_rows,
       coalesce(at.n, 0)                                                        AS actual_rows,
       coalesce(at.sum_distance, 0)                                             AS claimed_distance,
       coalesce(at.distance, 0)                                                 AS actual_distance,
       (SELECT count(*) FROM twice)                                             AS duplicates,
       (SELECT count(*) FROM absent WHERE absent.batch <= newest.batch)         AS missing,
       (SELECT coalesce(array_agg(coalesce(p.n, 0)::int ORDER BY b), '{}')
          FROM generate_series(1, (SELECT max(batch) FROM present)) b LEFT JOIN present p ON p.batch = b) AS rows_by_batch
  FROM newest, good, first_bad
  LEFT JOIN LATERAL (SELECT * FROM cumulative c WHERE c.batch = coalesce(first_bad.batch, newest.batch)) at ON true`;
}

/**
 * Duplicate keys. The first stage keeps those of the source; the next one removes them.
 */
function repeatedKeys(stage: Stage): string {
  if (stage === stages[0]) return 'SELECT 0 AS batch WHERE false';
  return `SELECT batch FROM (
    SELECT batch, row_number() OVER (PARTITION BY seq ORDER BY id) AS nth FROM ${tableOf[stage]} WHERE dataset_id = $1
  ) t WHERE nth > 1`;
}

/**
 * Keys of the stage before that neither arrived here nor were rejected, with the batch that lacks
 * them.
 */
function missingKeys(stage: Stage, before: Stage | undefined): string {
  if (!before) return 'SELECT 0 AS batch WHERE false';
  return `SELECT b.batch FROM ${tableOf[before]} b
     WHERE b.dataset_id = $1
       AND NOT EXISTS (SELECT 1 FROM ${tableOf[stage]} s WHERE s.dataset_id = $1 AND s.seq = b.seq)
       AND NOT EXISTS (SELECT 1 FROM stage_rejects r WHERE r.dataset_id = $1 AND r.seq = b.seq AND r.reason <> 'duplicate')
       AND b.batch <= (SELECT max(batch) FROM checkpoints WHERE dataset_id = $1 AND stage = '${stage}')`;
}

/** From a checkpoint on: its stage and every later one. */
function stagesFrom(stage: Stage): readonly Stage[] {
  return stages.slice(stages.indexOf(stage));
}

/**
 * Moves everything behind the checkpoint into quarantine, in one transaction: $1 dataset, $2 batch,
 * $3 run. Kept, not deleted. Done twice it moves nothing the second time; the last statement counts
 * what this run holds there.
 */
export function quarantine(
  dataset: string,
  stage: Stage,
  batch: number,
  run: string,
): SqlStatement[] {
  const values = [dataset, batch, run];
  return [
    ...stagesFrom(stage).map((each) => ({ text: moveRows(each), values })),
    ...stagesFrom(stage).map((each) => ({ text: moveCheckpoints(each), values })),
    countQuarantined(run),
  ];
}

/** Lets the job skip a record that it cannot process; the record lands among the rejects. */
export function deadLetter(dataset: string, seq: number, run: string): SqlStatement {
  return {
    text: `INSERT INTO dead_letters (dataset_id, seq, reason) SELECT $1, $2, $3
            WHERE NOT EXISTS (SELECT 1 FROM dead_letters WHERE dataset_id = $1 AND seq = $2)`,
    values: [dataset, seq, `set aside by run ${run}`],
  };
}

/**
 * The undo: rows that the restarted job wrote behind the checkpoint go into quarantine under
 * another name, then the quarantined rows return to their tables with their old ids.
 */
export function unquarantine(
  dataset: string,
  stage: Stage,
  batch: number,
  run: string,
): SqlStatement[] {
  const aside = [dataset, batch, `${run}:rolled-back`];
  const all = stagesFrom(stage);
  return [
    ...all.flatMap((each) => [
      { text: onlyIfQuarantined(moveRows(each)), values: [...aside, run] },
      { text: onlyIfQuarantined(moveCheckpoints(each)), values: [...aside, run] },
    ]),
    ...all.map((each) => ({
      text: `WITH back AS (DELETE FROM quarantine_rows WHERE run = $1 AND stage = '${each}' RETURNING row)
             INSERT INTO ${tableOf[each]} SELECT (jsonb_populate_record(NULL::${tableOf[each]}, row)).* FROM back`,
      values: [run],
    })),
    {
      text: `WITH back AS (DELETE FROM quarantine_checkpoints WHERE run = $1 RETURNING row)
             INSERT INTO checkpoints SELECT (jsonb_populate_record(NULL::checkpoints, row)).* FROM back`,
      values: [run],
    },
    {
      text: 'DELETE FROM dead_letters WHERE dataset_id = $1 AND reason = $2',
      values: [dataset, `set aside by run ${run}`],
    },
  ];
}

function moveRows(stage: Stage): string {
  return `WITH moved AS (DELETE FROM ${tableOf[stage]} WHERE dataset_id = $1 AND batch > $2 RETURNING *)
          INSERT INTO quarantine_rows (run, stage, batch, seq, row, original_id)
          SELECT $3, '${stage}', batch, seq, to_jsonb(moved), id FROM moved`;
}

function moveCheckpoints(stage: Stage): string {
  return `WITH moved AS (DELETE FROM checkpoints WHERE dataset_id = $1 AND stage = '${stage}' AND batch > $2 RETURNING *)
          INSERT INTO quarantine_checkpoints (run, row) SELECT $3, to_jsonb(moved) FROM moved`;
}

/** The undo may run although the quarantine never happened; then it must move nothing. */
function onlyIfQuarantined(move: string): string {
  return move.replace(
    'AND batch > $2',
    'AND batch > $2 AND EXISTS (SELECT 1 FROM quarantine_checkpoints q WHERE q.run = $4)',
  );
}

function countQuarantined(run: string): SqlStatement {
  return {
    as: 'kept',
    text: `SELECT (SELECT count(*)::int FROM quarantine_rows WHERE run = $1) AS rows,
                  (SELECT count(*)::int FROM quarantine_checkpoints WHERE run = $1) AS checkpoints`,
    values: [run],
  };
}

/** Our own comparison of the target with the source as it was extracted: $1 dataset. One row. */
export const compareWithSource = `
WITH source AS (
  SELECT seq FROM stage_extract WHERE dataset_id = $1
  EXCEPT SELECT seq FROM stage_rejects WHERE dataset_id = $1 AND reason <> 'duplicate'
), target AS (
  SELECT seq, count(*) AS copies FROM flights WHERE dataset_id = $1 GROUP BY seq
)
SELECT (SELECT count(*)::int FROM source)                                                                    AS expected_rows,
       (SELECT count(*)::int FROM flights WHERE dataset_id = $1)                                             AS rows,
       (SELECT coalesce(sum(distance), 0) FROM flights WHERE dataset_id = $1)                                AS sum_distance,
       (SELECT count(*)::int FROM target WHERE copies > 1)                                                   AS duplicates,
       (SELECT count(*)::int FROM source WHERE NOT EXISTS (SELECT 1 FROM target t WHERE t.seq = source.seq)) AS missing,
       (SELECT count(*)::int FROM target WHERE NOT EXISTS (SELECT 1 FROM source s WHERE s.seq = target.seq)) AS foreign_keys`;
