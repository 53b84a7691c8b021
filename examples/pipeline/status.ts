import type { Pool } from 'pg';
import { Refused } from './refused.js';
import { stages, type Place, type Stage } from './stages.js';
import { batchesOf } from './task.js';

/*
 * What the service tells about itself. Rows and checkpoints are what the checkpoints claim: the service believes them.
 */

export type JobState = 'queued' | 'running' | 'completed' | 'failed' | 'stopped';

export interface JobStatus {
  id: string;
  pipeline: string;
  dataset: string;
  status: JobState;
  stage: Stage | null;
  /** Batches committed of the stage the job is in; rows and percent over all stages of the dataset. */
  progress: { stage: Stage; batch: number; batches: number; rows: number; percent: number } | null;
  error: { code: string; message: string; record: Record<string, unknown> | null } | null;
  /** The last checkpoint of the stage the job is in. */
  checkpoint: Place | null;
  resumedFrom: Place | null;
  restartedFrom: string | null;
  attempt: number;
  pid: number | null;
  createdAt: Date;
  startedAt: Date | null;
  completedAt: Date | null;
}

export interface StageStatus {
  stage: Stage;
  state: 'pending' | 'running' | 'completed' | 'failed' | 'stopped';
  batches: number;
  rows: number;
  lastCheckpoint: number | null;
}

export interface PipelineStatus {
  name: string;
  dataset: string;
  state: JobState | 'idle';
  job: JobStatus | null;
  stages: StageStatus[];
}

interface Row {
  id: string;
  pipeline: string;
  dataset_id: string;
  status: JobState;
  attempt: number;
  stage: Stage | null;
  batch: number | null;
  error_code: string | null;
  error_message: string | null;
  offending_record: Record<string, unknown> | null;
  resumed_stage: Stage | null;
  resumed_batch: number | null;
  restarted_from: string | null;
  pid: number | null;
  created_at: Date;
  started_at: Date | null;
  completed_at: Date | null;
  lines: number | null;
  batchSize: number | null;
}

interface Claim {
  stage: Stage;
  batch: number;
  rows: number;
}

const jobs = `SELECT j.*, d.lines, d.batch_size AS "batchSize" FROM processing_jobs j LEFT JOIN datasets d ON d.id = j.dataset_id`;

/** @throws Refused when there is no such job */
export async function jobStatus(pool: Pool, id: string): Promise<JobStatus> {
  const { rows } = await pool.query<Row>(`${jobs} WHERE j.id = $1`, [id]);
  if (!rows[0]) throw new Refused(404, 'no-such-job', `there is no job ${id}`);
  return describe(rows[0], await lastClaims(pool, rows[0].dataset_id));
}

export async function pipelineStatus(pool: Pool, name: string): Promise<PipelineStatus> {
  const { rows } = await pool.query<Row>(`${jobs} WHERE j.pipeline = $1 ORDER BY j.created_at DESC, j.id DESC LIMIT 1`, [name]);
  const claims = await lastClaims(pool, name);
  const job = rows[0] ? describe(rows[0], claims) : null;
  const batches = rows[0] ? batchesOfRow(rows[0]) : 0;
  return {
    name,
    dataset: name,
    state: job?.status ?? 'idle',
    job,
    stages: stages.map((stage) => stageStatus(stage, job, batches, claims)),
  };
}

/** @returns the job's log, one line each, oldest first @throws Refused when there is no such job */
export async function jobLog(pool: Pool, id: string): Promise<string> {
  const known = await pool.query('SELECT 1 FROM processing_jobs WHERE id = $1', [id]);
  if (known.rowCount === 0) throw new Refused(404, 'no-such-job', `there is no job ${id}`);
  const { rows } = await pool.query<{ at: Date; level: string; line: string }>(
    'SELECT at, level, line FROM job_log WHERE job_id = $1 ORDER BY id',
    [id],
  );
  return rows.map(({ at, level, line }) => `${at.toISOString()} ${level.padEnd(5)} ${line}\n`).join('');
}

async function lastClaims(pool: Pool, dataset: string): Promise<Claim[]> {
  const { rows } = await pool.query<Claim>(
    `SELECT DISTINCT ON (stage) stage, batch, rows_total::float8 AS rows FROM checkpoints WHERE dataset_id = $1 ORDER BY stage, batch DESC, id DESC`,
    [dataset],
  );
  return rows;
}

function batchesOfRow({ lines, batchSize }: Row): number {
  return lines === null || batchSize === null ? 0 : batchesOf({ lines, batchSize });
}

function describe(row: Row, claims: Claim[]): JobStatus {
  const claim = claims.find(({ stage }) => stage === row.stage);
  return {
    id: row.id,
    pipeline: row.pipeline,
    dataset: row.dataset_id,
    status: row.status,
    stage: row.stage,
    progress: row.stage && { stage: row.stage, ...progress(row, row.stage, claims) },
    error:
      row.error_code === null ? null : { code: row.error_code, message: row.error_message ?? '', record: row.offending_record },
    checkpoint: claim ? { stage: claim.stage, batch: claim.batch } : null,
    resumedFrom: row.resumed_stage && { stage: row.resumed_stage, batch: row.resumed_batch ?? 0 },
    restartedFrom: row.restarted_from,
    attempt: row.attempt,
    pid: row.pid,
    createdAt: row.created_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
  };
}

function progress(row: Row, stage: Stage, claims: Claim[]): { batch: number; batches: number; rows: number; percent: number } {
  const batches = batchesOfRow(row);
  const batch = row.batch ?? 0;
  const done = stages.indexOf(stage) * batches + batch;
  const rows = claims.reduce((sum, claim) => sum + claim.rows, 0);
  return { batch, batches, rows, percent: batches === 0 ? 0 : Math.floor((100 * done) / (stages.length * batches)) };
}

function stageStatus(stage: Stage, job: JobStatus | null, batches: number, claims: Claim[]): StageStatus {
  const claim = claims.find((each) => each.stage === stage);
  return {
    stage,
    state: stageState(stage, job, claim?.batch === batches && batches > 0),
    batches,
    rows: claim?.rows ?? 0,
    lastCheckpoint: claim?.batch ?? null,
  };
}

function stageState(stage: Stage, job: JobStatus | null, complete: boolean): StageStatus['state'] {
  const here = job?.stage === stage && job.status !== 'completed' && job.status !== 'queued';
  if (here && !(complete && job.status === 'running')) return job.status as 'running' | 'failed' | 'stopped';
  return complete ? 'completed' : 'pending';
}
