import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { Faults } from './faults.js';
import { endJobProcess, lives, startJobProcess, type JobProcess } from './processes.js';
import { stages, tables, type Stage } from './schema.js';

export interface Checkpoint {
  stage: Stage;
  batch: number;
}

interface JobRow {
  id: string;
  status: string;
  stage: Stage | null;
  error_code: string | null;
  error_message: string | null;
  offending_record: unknown;
  resumed_stage: Stage | null;
  resumed_batch: number | null;
  restarted_from: string | null;
  pid: number | null;
  pid_started: string | null;
  done_batches: number;
  done_rows: string;
  batches: number | null;
  created_at: Date;
  completed_at: Date | null;
}

/** A request that is refused; the status is HTTP's. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The jobs of one pipeline on one dataset: at most one runs at a time. */
export class Jobs {
  faults: Faults = {};
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly pool: pg.Pool,
    private readonly pipeline: string,
    readonly dataset: string,
  ) {}

  /**
   * Looks after jobs whose process dies while nobody watches: those of a service that was killed.
   */
  watchOrphans(everyMs: number): NodeJS.Timeout {
    return setInterval(
      () => void this.exclusively(() => this.adoptOrphans()).catch(() => undefined),
      everyMs,
    );
  }

  /** Ends what still runs: the service is going down for good. */
  async endAll(): Promise<void> {
    const { rows } = await this.pool.query<JobRow>(
      `SELECT * FROM processing_jobs WHERE status IN ('queued', 'running')`,
    );
    for (const row of rows) await this.stop(row.id);
  }

  async adoptOrphans(): Promise<void> {
    const { rows } = await this.pool.query<JobRow>(
      `SELECT * FROM processing_jobs WHERE status IN ('queued', 'running')`,
    );
    for (const row of rows) {
      if (!lives(processOf(row)))
        await this.markFailed(
          row.id,
          'orphaned',
          'its process was gone when the service came back',
        );
    }
  }

  start(reset: boolean): Promise<object> {
    return this.exclusively(() => this.startNow(reset));
  }

  private async startNow(reset: boolean): Promise<object> {
    await this.assertIdle();
    if (reset) await this.pool.query(`TRUNCATE ${tables.join(', ')}`);
    const { rows } = await this.pool.query(
      'SELECT 1 FROM stage_extract WHERE dataset_id = $1 LIMIT 1',
      [this.dataset],
    );
    if (rows.length > 0)
      throw new Refusal(
        409,
        'not-empty',
        `dataset ${this.dataset} already has rows; restart its job, or reset it`,
      );
    const id = newId();
    await this.pool.query(
      'INSERT INTO processing_jobs (id, pipeline, dataset_id, status) ' +
        "VALUES ($1, $2, $3, 'queued')",
      [id, this.pipeline, this.dataset],
    );
    await this.launch(id);
    return this.status(id);
  }

  /** A failed job stays failed in the table, also when a later one has done its work. */
  private async assertNotRecovered({ id }: JobRow): Promise<void> {
    const { rows } = await this.pool.query<{ id: string }>(
      `SELECT later.id FROM processing_jobs later JOIN processing_jobs old ON old.id = $1
        WHERE later.dataset_id = old.dataset_id AND later.created_at > old.created_at
          AND later.status = 'completed' LIMIT 1`,
      [id],
    );
    if (rows[0])
      throw new Refusal(409, 'recovered', `job ${rows[0].id} has done the work of job ${id} since`);
  }

  /** One job for one key, however often it is asked for. */
  restart(
    from: string,
    checkpoint: Checkpoint | null | undefined,
    key: string | undefined,
  ): Promise<{ job: object; repeated: boolean }> {
    return this.exclusively(() => this.restartNow(from, checkpoint, key));
  }

  private async restartNow(
    from: string,
    checkpoint: Checkpoint | null | undefined,
    key: string | undefined,
  ): Promise<{ job: object; repeated: boolean }> {
    const old = await this.row(from);
    const known = key === undefined ? undefined : await this.byKey(key);
    if (known) return { job: await this.status(known.id), repeated: true };
    if (old.status === 'running' || old.status === 'queued')
      throw new Refusal(409, 'still-running', `job ${from} is still ${old.status}`);
    if (old.status === 'completed')
      throw new Refusal(409, 'completed', `job ${from} is completed; there is nothing to restart`);
    await this.assertIdle();
    await this.assertNotRecovered(old);
    if (checkpoint) await this.assertCheckpoint(checkpoint);
    const id = newId();
    const inserted = await this.pool.query(
      `INSERT INTO processing_jobs (id, pipeline, dataset_id, status, stage, restarted_from, restart_key, resumed_stage, resumed_batch)
       VALUES ($1, $2, $3, 'queued', $4, $5, $6, $7, $8) ON CONFLICT (restart_key) DO NOTHING`,
      [
        id,
        this.pipeline,
        this.dataset,
        checkpoint?.stage ?? old.stage,
        from,
        key ?? null,
        checkpoint?.stage ?? null,
        checkpoint?.batch ?? null,
      ],
    );
    if (inserted.rowCount === 0)
      return { job: await this.status((await this.byKey(key ?? ''))?.id ?? from), repeated: true };
    if (this.faults.ignoreRestart)
      await this.pool.query(
        `UPDATE processing_jobs SET status = 'completed', completed_at = now() WHERE id = $1`,
        [id],
      );
    else await this.launch(id);
    return { job: await this.status(id), repeated: false };
  }

  /** Ends the job's process; a job that has ended stays as it is. */
  async stop(id: string): Promise<object> {
    const row = await this.row(id);
    if (row.status === 'running' || row.status === 'queued') {
      await this.pool.query(
        "UPDATE processing_jobs SET status = 'stopped', completed_at = now() WHERE id = $1 " +
          "AND status IN ('running', 'queued')",
        [id],
      );
      await endJobProcess(processOf(row));
    }
    return this.status(id);
  }

  async stopRestarted(key: string): Promise<object> {
    const row = await this.byKey(key);
    if (!row) throw new Refusal(404, 'not-found', `no job was started with this key`);
    return this.stop(row.id);
  }

  async status(id: string): Promise<object> {
    const row = await this.row(id);
    const { rows } = await this.pool.query<Checkpoint>(
      'SELECT stage, batch FROM checkpoints WHERE dataset_id = $1 ' +
        'AND ($2::text IS NULL OR stage = $2) ORDER BY id DESC LIMIT 1',
      [this.dataset, row.stage],
    );
    return {
      id: row.id,
      status: row.status,
      stage: row.stage,
      dataset: this.dataset,
      progress: {
        stage: row.stage,
        batch: row.done_batches,
        batches: row.batches,
        rows: Number(row.done_rows),
      },
      error:
        row.error_code === null
          ? null
          : {
              code: row.error_code,
              message: row.error_message,
              record: row.offending_record ?? null,
            },
      checkpoint: rows[0] ?? null,
      resumedFrom:
        row.resumed_stage === null ? null : { stage: row.resumed_stage, batch: row.resumed_batch },
      restartedFrom: row.restarted_from,
      pid: row.pid,
      createdAt: row.created_at,
      completedAt: row.completed_at,
    };
  }

  async log(id: string): Promise<string> {
    await this.row(id);
    const { rows } = await this.pool.query<{ at: Date; level: string; line: string }>(
      'SELECT at, level, line FROM (SELECT * FROM job_log WHERE job_id = $1 ' +
        'ORDER BY id DESC LIMIT 500) l ORDER BY id',
      [id],
    );
    return rows.map(({ at, level, line }) => `${at.toISOString()} ${level} ${line}\n`).join('');
  }

  /** The pipeline as a whole: its newest job and how far each stage is. */
  async overview(): Promise<object> {
    const newest = await this.pool.query<JobRow>(
      'SELECT * FROM processing_jobs WHERE dataset_id = $1 ' +
        'ORDER BY created_at DESC, id DESC LIMIT 1',
      [this.dataset],
    );
    const [job] = newest.rows;
    const { rows } = await this.pool.query<{ stage: string; batch: number; rows_total: string }>(
      'SELECT DISTINCT ON (stage) stage, batch, rows_total FROM checkpoints ' +
        'WHERE dataset_id = $1 ORDER BY stage, batch DESC, id DESC',
      [this.dataset],
    );
    return {
      name: this.pipeline,
      dataset: this.dataset,
      state: job?.status ?? 'idle',
      job: job ? await this.status(job.id) : null,
      stages: stages.map((stage) => {
        const last = rows.find((row) => row.stage === stage);
        return { stage, batches: last?.batch ?? 0, rows: Number(last?.rows_total ?? 0) };
      }),
    };
  }

  /** One start or restart after the other: two at once could both find the dataset idle. */
  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async launch(id: string): Promise<void> {
    const { pid, started } = startJobProcess(id, this.faults, (signal, code) => {
      if (signal === null && code === 0) return;
      const how = signal
        ? `its process was ended by ${signal}`
        : `its process ended with exit code ${code}`;
      this.markFailed(id, 'killed', how).catch(() => undefined);
    });
    await this.pool.query('UPDATE processing_jobs SET pid = $2, pid_started = $3 WHERE id = $1', [
      id,
      pid,
      started,
    ]);
  }

  /** A job that told its own failure keeps its own words. */
  private async markFailed(id: string, code: string, message: string): Promise<void> {
    const { rowCount } = await this.pool.query(
      `UPDATE processing_jobs SET status = 'failed', completed_at = now(), error_code = $2, error_message = $3 || ' in stage ' || coalesce(stage, 'none')
        WHERE id = $1 AND status IN ('queued', 'running')`,
      [id, code, message],
    );
    if (rowCount)
      await this.pool.query('INSERT INTO job_log (job_id, level, line) VALUES ($1, $2, $3)', [
        id,
        'error',
        `${code}: ${message}`,
      ]);
  }

  private async assertIdle(): Promise<void> {
    const { rows } = await this.pool.query<{ id: string }>(
      `SELECT id FROM processing_jobs WHERE dataset_id = $1 AND status IN ('queued', 'running')`,
      [this.dataset],
    );
    if (rows[0])
      throw new Refusal(409, 'busy', `job ${rows[0].id} already works on dataset ${this.dataset}`);
  }

  private async assertCheckpoint({ stage, batch }: Checkpoint): Promise<void> {
    if (!stages.includes(stage) || !Number.isInteger(batch) || batch < 0)
      throw new Refusal(422, 'no-checkpoint', 'a checkpoint is a stage and a batch');
    if (batch === 0) return;
    const { rowCount } = await this.pool.query(
      'SELECT 1 FROM checkpoints WHERE dataset_id = $1 AND stage = $2 AND batch = $3',
      [this.dataset, stage, batch],
    );
    if (rowCount === 0)
      throw new Refusal(422, 'no-checkpoint', `stage ${stage} has no checkpoint of batch ${batch}`);
  }

  private async row(id: string): Promise<JobRow> {
    const { rows } = await this.pool.query<JobRow>('SELECT * FROM processing_jobs WHERE id = $1', [
      id,
    ]);
    if (!rows[0]) throw new Refusal(404, 'not-found', `there is no job ${id}`);
    return rows[0];
  }

  private async byKey(key: string): Promise<JobRow | undefined> {
    const { rows } = await this.pool.query<JobRow>(
      'SELECT * FROM processing_jobs WHERE restart_key = $1',
      [key],
    );
    return rows[0];
  }
}

function processOf(row: JobRow): JobProcess {
  return { pid: row.pid ?? -1, started: row.pid_started ?? 'none' };
}

function newId(): string {
  return `job-${Date.now().toString(36)}-${randomBytes(3).toString('hex')}`;
}
