import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { dieAtOnce, type Faults } from './faults.js';
import { stages, type Stage } from './schema.js';
import { readSource } from './source.js';
import { BatchError, JobEnded, runBatch, type BatchContext } from './stages.js';

/*
 * One job of the pipeline, in a process of its own: node job.js JOB. It writes its own state, so
 * that it goes on when the service that started it dies.
 */

const [, , job = ''] = process.argv;
const env = process.env;
const databaseUrl = env['PIPELINE_DATABASE_URL'] ?? '';
const faults = JSON.parse(env['PIPELINE_JOB_FAULTS'] ?? '{}') as Faults;

const client = await connect();
try {
  await run();
} catch (error) {
  // The batch's transaction holds the job's row: it must be gone before the failure can be written
  // there.
  await client.end().catch(() => undefined);
  if (!(error instanceof JobEnded)) {
    await fail(error);
    process.exitCode = 1;
  }
} finally {
  await client.end().catch(() => undefined);
}

async function run(): Promise<void> {
  const { rows } = await client.query<{
    dataset_id: string;
    resumed_stage: Stage | null;
    resumed_batch: number | null;
  }>(
    "UPDATE processing_jobs SET status = 'running', started_at = now() WHERE id = $1 " +
      "AND status = 'queued' RETURNING dataset_id, resumed_stage, resumed_batch",
    [job],
  );
  const [row] = rows;
  if (!row) return;
  const records = readSource(Number(env['PIPELINE_ROWS'] ?? Infinity));
  const batchSize = Number(env['PIPELINE_BATCH'] ?? 10_000);
  const batches = Math.ceil(records.length / batchSize);
  const context: BatchContext = {
    client,
    dataset: row.dataset_id,
    job,
    records,
    batchSize,
    faults,
  };
  for (const stage of stages) {
    const first = await firstBatch(
      row.dataset_id,
      stage,
      row.resumed_stage,
      row.resumed_batch ?? 0,
    );
    await log('info', `stage ${stage}: batches ${first} to ${batches}`);
    for (let batch = first; batch <= batches; batch += 1) {
      if (faults.slowMs) await delay(faults.slowMs);
      await client.query(
        'UPDATE processing_jobs SET stage = $2, batches = $3, done_batches = $4 WHERE id = $1',
        [job, stage, batches, batch - 1],
      );
      await runBatch(context, stage, batch, batches);
    }
  }
  // A corrupt last checkpoint of the last stage has no batch after it to die in.
  const corrupt = faults.corruptCheckpoint;
  if (corrupt?.stage === 'load' && corrupt.batch === batches) dieAtOnce();
  await log('info', 'completed');
  await client.query(
    "UPDATE processing_jobs SET status = 'completed', completed_at = now() WHERE id = $1 " +
      "AND status = 'running'",
    [job],
  );
}

/**
 * Where the stage goes on: behind the checkpoint that the restart named, else behind the stage's
 * own last one.
 */
async function firstBatch(
  dataset: string,
  stage: Stage,
  resumedStage: Stage | null,
  resumedBatch: number,
): Promise<number> {
  const { rows } = await client.query<{ last: number }>(
    'SELECT coalesce(max(batch), 0)::int AS last FROM checkpoints WHERE dataset_id = $1 ' +
      'AND stage = $2',
    [dataset, stage],
  );
  const last = rows[0]?.last ?? 0;
  if (resumedStage === null) return last + 1;
  const distance = stages.indexOf(stage) - stages.indexOf(resumedStage);
  if (distance < 0) return last + 1;
  return (distance === 0 ? resumedBatch : Math.min(last, resumedBatch)) + 1;
}

async function fail(error: unknown): Promise<void> {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  const lost = /terminat|connection/i.test(message ?? '') || /^57P/.test(code ?? '');
  const errorCode =
    error instanceof BatchError
      ? error.code
      : code === '53100'
        ? 'disk-full'
        : lost
          ? 'database-lost'
          : 'internal';
  const record = error instanceof BatchError ? error.record : null;
  // The job's own connection may be what was lost.
  const other = await connect();
  try {
    await other.query(
      'UPDATE processing_jobs ' +
        "SET status = 'failed', completed_at = now(), error_code = $2, error_message = " +
        '$3, offending_record = $4 ' +
        "WHERE id = $1 AND status = 'running'",
      [job, errorCode, String(message).slice(0, 500), record && JSON.stringify(record)],
    );
    await other.query('INSERT INTO job_log (job_id, level, line) VALUES ($1, $2, $3)', [
      job,
      'error',
      `${errorCode}: ${message}`,
    ]);
  } finally {
    await other.end();
  }
}

async function log(level: string, line: string): Promise<void> {
  await client.query('INSERT INTO job_log (job_id, level, line) VALUES ($1, $2, $3)', [
    job,
    level,
    line,
  ]);
}

async function connect(): Promise<pg.Client> {
  const connection = new pg.Client({
    connectionString: databaseUrl,
    application_name: `pipeline job ${job}`,
  });
  connection.on('error', () => undefined);
  await connection.connect();
  return connection;
}
