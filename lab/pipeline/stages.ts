import type pg from 'pg';
import { dieAtOnce, isAt, type CorruptMode, type Faults } from './faults.js';
import { stages, tableOf, type Stage } from './schema.js';
import { rowHashSql, type SourceRecord } from './source.js';

export interface BatchContext {
  client: pg.Client;
  dataset: string;
  job: string;
  records: readonly SourceRecord[];
  batchSize: number;
  faults: Faults;
}

/** A batch that cannot be done; the job ends as failed with this code. */
export class BatchError extends Error {
  constructor(
    readonly code: 'poison-record' | 'disk-full' | 'database-lost',
    message: string,
    readonly record: SourceRecord | null = null,
  ) {
    super(message);
  }
}

/** The job was stopped or given up while it ran. */
export class JobEnded extends Error {}

/**
 * What one batch of each stage writes, from batch b of the stage before. All of it runs in the
 * batch's transaction.
 */
const writers: Record<Stage, (context: BatchContext, batch: number) => Promise<void>> = {
  async extract({ client, dataset, job, records, batchSize }, batch) {
    const slice = records.slice((batch - 1) * batchSize, batch * batchSize);
    const whole = (value: unknown): number | null =>
      Number.isInteger(value) ? (value as number) : null;
    await client.query(
      `INSERT INTO stage_extract (dataset_id, job_id, batch, seq, distance, delay, raw)
       SELECT $1, $2, $3, * FROM unnest($4::int[], $5::int[], $6::int[], $7::jsonb[])`,
      [
        dataset,
        job,
        batch,
        slice.map((record) => record.seq),
        slice.map((record) => whole(record.distance)),
        slice.map((record) => whole(record.delay)),
        slice.map((record) => JSON.stringify(record)),
      ],
    );
  },

  async clean({ client, dataset, job }, batch) {
    const values = [dataset, job, batch];
    await client.query(
      `INSERT INTO stage_clean (dataset_id, job_id, batch, seq, distance, delay, time)
       SELECT DISTINCT ON (seq) $1, $2, $3::int, seq, distance, delay, (raw->>'time')::double precision FROM stage_extract e
        WHERE dataset_id = $1 AND batch = $3 AND distance IS NOT NULL AND delay IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM stage_clean c WHERE c.dataset_id = $1 AND c.seq = e.seq AND c.batch < $3)
        ORDER BY seq, id`,
      values,
    );
    await client.query(
      `DELETE FROM stage_rejects WHERE dataset_id = $1 AND stage = 'clean' AND batch = $2`,
      [dataset, batch],
    );
    await client.query(
      `INSERT INTO stage_rejects (dataset_id, job_id, stage, batch, seq, reason)
       SELECT $1, $2, 'clean', $3::int, seq, CASE WHEN distance IS NULL OR delay IS NULL THEN 'malformed' ELSE 'duplicate' END
         FROM (SELECT *, row_number() OVER (PARTITION BY seq ORDER BY id) AS nth FROM stage_extract WHERE dataset_id = $1 AND batch = $3) e
        WHERE distance IS NULL OR delay IS NULL OR nth > 1
           OR EXISTS (SELECT 1 FROM stage_clean c WHERE c.dataset_id = $1 AND c.seq = e.seq AND c.batch < $3)`,
      values,
    );
  },

  async transform({ client, dataset, job, faults, records }, batch) {
    if (faults.poison !== undefined)
      await assertNoPoison(client, dataset, batch, faults.poison, records);
    const values = [dataset, job, batch];
    await client.query(
      `INSERT INTO stage_transform (dataset_id, job_id, batch, seq, distance, delay, departure_minute)
       SELECT $1, $2, $3::int, seq, distance, delay, round(time * 60)::int FROM stage_clean c
        WHERE dataset_id = $1 AND batch = $3 AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.dataset_id = $1 AND d.seq = c.seq) ORDER BY id`,
      values,
    );
    await client.query(
      `DELETE FROM stage_rejects WHERE dataset_id = $1 AND stage = 'transform' AND batch = $2`,
      [dataset, batch],
    );
    await client.query(
      `INSERT INTO stage_rejects (dataset_id, job_id, stage, batch, seq, reason)
       SELECT $1, $2, 'transform', $3::int, c.seq, 'dead-letter' FROM stage_clean c JOIN dead_letters d ON d.dataset_id = $1 AND d.seq = c.seq
        WHERE c.dataset_id = $1 AND c.batch = $3`,
      values,
    );
  },

  async load({ client, dataset, job }, batch) {
    await client.query(
      `INSERT INTO flights (dataset_id, job_id, batch, seq, distance, delay, departure_minute)
       SELECT $1, $2, $3::int, seq, distance, delay, departure_minute FROM stage_transform WHERE dataset_id = $1 AND batch = $3 ORDER BY id`,
      [dataset, job, batch],
    );
  },
};

/** Does one batch: its rows and its checkpoint in one transaction. */
export async function runBatch(
  context: BatchContext,
  stage: Stage,
  batch: number,
  batches: number,
): Promise<void> {
  const { client, faults } = context;
  if (isAt(faults.diskFull, stage, batch)) {
    throw new BatchError(
      'disk-full',
      `could not extend file of table ${tableOf[stage]}: No space left on device`,
    );
  }
  await client.query('BEGIN');
  // Fences a job that was stopped or given up: it may not write any more. Whoever ends the job
  // waits for this batch.
  const { rowCount } = await client.query(
    `SELECT 1 FROM processing_jobs WHERE id = $1 AND status = 'running' FOR UPDATE`,
    [context.job],
  );
  if (rowCount === 0) throw new JobEnded();
  await writers[stage](context, batch);
  if (isAt(faults.crashAt, stage, batch) || isAfter(faults, stage, batch, batches)) dieAtOnce();
  if (isAt(faults.holdsAt, stage, batch)) await new Promise<never>(() => undefined);
  if (isAt(faults.databaseLost, stage, batch))
    await client.query('SELECT pg_terminate_backend(pg_backend_pid())');
  await writeCheckpoint(context, stage, batch);
  const corrupt = faults.corruptCheckpoint;
  if (corrupt && isAt(corrupt, stage, batch)) await tamper(context, stage, batch, corrupt.mode);
  await client.query(
    `UPDATE processing_jobs SET stage = $2, done_batches = $3, batches = $4,
            done_rows = (SELECT rows_total FROM checkpoints WHERE dataset_id = $5 AND stage = $2 AND batch = $3 ORDER BY id DESC LIMIT 1)
      WHERE id = $1`,
    [context.job, stage, batch, batches, context.dataset],
  );
  await client.query('COMMIT');
}

/** Does the place after a corrupt checkpoint come now? That is where the job dies. */
function isAfter(
  { corruptCheckpoint: corrupt }: Faults,
  stage: Stage,
  batch: number,
  batches: number,
): boolean {
  if (!corrupt) return false;
  if (corrupt.batch < batches) return stage === corrupt.stage && batch === corrupt.batch + 1;
  return stages.indexOf(stage) === stages.indexOf(corrupt.stage) + 1 && batch === 1;
}

/** Cumulative claims: those of the batch before, and what this batch meant to write. */
async function writeCheckpoint(
  { client, dataset, job }: BatchContext,
  stage: Stage,
  batch: number,
): Promise<void> {
  await client.query(
    `INSERT INTO checkpoints (dataset_id, job_id, stage, batch, rows_total, sum_distance, sum_delay, key_checksum)
     SELECT $1, $2, $3, $4::int, coalesce(b.rows_total, 0) + n, coalesce(b.sum_distance, 0) + distance, coalesce(b.sum_delay, 0) + delay,
            (coalesce(b.key_checksum::numeric, 0) + hash)::text
       FROM (SELECT count(*) AS n, coalesce(sum(distance), 0) AS distance, coalesce(sum(delay), 0) AS delay, coalesce(sum(${rowHashSql}), 0) AS hash
               FROM ${tableOf[stage]} WHERE dataset_id = $1 AND batch = $4 AND job_id = $2) now
       LEFT JOIN LATERAL (SELECT * FROM checkpoints WHERE dataset_id = $1 AND stage = $3 AND batch = $4 - 1 ORDER BY id DESC LIMIT 1) b ON true`,
    [dataset, job, stage, batch],
  );
}

/**
 * Makes the committed rows differ from the claim, as a lost write, a retried insert or a broken
 * cast would.
 */
async function tamper(
  { client, dataset, job }: BatchContext,
  stage: Stage,
  batch: number,
  mode: CorruptMode,
): Promise<void> {
  const table = tableOf[stage];
  const some =
    `SELECT id FROM ${table} WHERE dataset_id = $1 AND job_id = $2 AND batch = $3 ` +
    'AND distance IS NOT NULL ORDER BY id LIMIT 3';
  const values = [dataset, job, batch];
  if (mode === 'missing') await client.query(`DELETE FROM ${table} WHERE id IN (${some})`, values);
  if (mode === 'altered')
    await client.query(`UPDATE ${table} SET distance = distance + 1 WHERE id IN (${some})`, values);
  if (mode === 'duplicate') {
    const extra = {
      extract: 'raw',
      clean: 'time',
      transform: 'departure_minute',
      load: 'departure_minute',
    }[stage];
    const columns = `dataset_id, job_id, batch, seq, distance, delay, ${extra}`;
    await client.query(
      `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM ${table} WHERE id IN (${some})`,
      values,
    );
  }
}

async function assertNoPoison(
  client: pg.Client,
  dataset: string,
  batch: number,
  seq: number,
  records: readonly SourceRecord[],
): Promise<void> {
  const { rowCount } = await client.query(
    `SELECT 1 FROM stage_clean c WHERE dataset_id = $1 AND batch = $2 AND seq = $3
        AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.dataset_id = $1 AND d.seq = c.seq)`,
    [dataset, batch, seq],
  );
  if (rowCount === 0) return;
  throw new BatchError(
    'poison-record',
    `record ${seq} cannot be transformed: departure time is out of range`,
    records.find((record) => record.seq === seq) ?? null,
  );
}
