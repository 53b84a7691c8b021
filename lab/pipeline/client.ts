import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { existsSync } from 'node:fs';
import type pg from 'pg';
import { until } from '../until.js';
import type { Faults } from './faults.js';
import type { Checkpoint } from './jobs.js';
import { lives } from './processes.js';
import type { Stage } from './schema.js';
import { readSource, truthOf, type Summary } from './source.js';
import { summarise } from './summary.js';
import { withClient } from '../with-client.js';

const dataset = 'flights';
const here = dirname(fileURLToPath(import.meta.url));
/** The compiled service, also for code that runs from its sources (tests). */
const compiled = resolve(here, 'server.js');
const program = existsSync(compiled)
  ? compiled
  : resolve(here, '../../dist/lab/pipeline/server.js');

export interface PipelineOptions {
  databaseUrl: string;
  token: string;
  /** Where it listens; any free port unless given. */
  port?: number;
  rows?: number;
  batch?: number;
  faults?: Faults;
}

interface JobStatus {
  id: string;
  status: string;
  stage: Stage | null;
  pid: number;
  progress: { stage: Stage | null; batch: number; batches: number | null };
  error: { code: string; message: string } | null;
}

/** Starts the pipeline's service in a process of its own. */
export async function startPipeline(options: PipelineOptions): Promise<PipelineProcess> {
  const pipeline = new PipelineProcess(options);
  await pipeline.start();
  if (options.faults) await pipeline.setFaults(options.faults);
  return pipeline;
}

/**
 * The running service, for demos and tests: what an operator, a power cut or a stopwatch would do
 * to it.
 */
export class PipelineProcess {
  private child: ChildProcess | undefined;
  private address = '';

  constructor(private readonly options: PipelineOptions) {}

  get url(): string {
    return this.address;
  }

  get pid(): number {
    return this.child?.pid ?? -1;
  }

  /** Starts it (again), on the port that it had before. */
  async start(): Promise<void> {
    const { databaseUrl, token, rows, batch } = this.options;
    const port = this.address === '' ? this.options.port : new URL(this.address).port;
    const child = spawn(process.execPath, [program], {
      env: {
        ...process.env,
        PIPELINE_DATABASE_URL: databaseUrl,
        PIPELINE_TOKEN: token,
        PIPELINE_NAME: dataset,
        PIPELINE_FAULTS: '1',
        ...(port === undefined ? {} : { PIPELINE_PORT: String(port) }),
        ...(rows === undefined ? {} : { PIPELINE_ROWS: String(rows) }),
        ...(batch === undefined ? {} : { PIPELINE_BATCH: String(batch) }),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.child = child;
    this.address = await new Promise<string>((ready, failed) => {
      child.once('exit', (code) => failed(new Error(`the pipeline ended with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [, address] = /^pipeline ready (\S+)/.exec(line) ?? [];
        if (address) ready(address);
      });
    });
  }

  setFaults(faults: Faults): Promise<unknown> {
    return this.call('POST', '/api/v1/faults', faults);
  }

  async startJob(options: { reset?: boolean } = {}): Promise<string> {
    return (await this.call<JobStatus>('POST', '/api/v1/jobs', options)).id;
  }

  /**
   * A restart without the runbook; null: from the job's own last checkpoints, as a tired person
   * would.
   */
  async restart(job: string, checkpoint: Checkpoint | null): Promise<string> {
    return (await this.call<JobStatus>('POST', `/api/v1/jobs/${job}/restart`, { checkpoint })).id;
  }

  job(id: string): Promise<JobStatus> {
    return this.call('GET', `/api/v1/jobs/${id}/status`);
  }

  async jobPid(id: string): Promise<number> {
    return (await this.job(id)).pid;
  }

  waitForJob(id: string, statuses: readonly string[], limitMs = 120_000): Promise<JobStatus> {
    return until(
      `job ${id} to be ${statuses.join(' or ')}`,
      async () => [await this.job(id)].find((job) => statuses.includes(job.status)),
      limitMs,
      50,
    );
  }

  /** The job that was started last; null when there was none. */
  async newestJob(): Promise<JobStatus | null> {
    const { pipelines } = await this.call<{ pipelines: { job: JobStatus | null }[] }>(
      'GET',
      '/api/v1/pipelines/status',
    );
    return pipelines[0]?.job ?? null;
  }

  /** Waits until the newest job has done this batch of this stage. */
  async waitForProgress(stage: Stage, batch: number): Promise<void> {
    await until(
      `stage ${stage} to do batch ${batch}`,
      async () => {
        const progress = (await this.newestJob())?.progress;
        return progress?.stage === stage && progress.batch >= batch;
      },
      60_000,
      20,
    );
  }

  truth(): Promise<Summary> {
    return Promise.resolve(truthOf(readSource(this.options.rows)));
  }

  /** The target, by SQL of our own. */
  async summary(): Promise<Summary> {
    return withClient(this.options.databaseUrl, async (client) =>
      summarise(client, dataset, await this.truth()),
    );
  }

  async query<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    return withClient(this.options.databaseUrl, async (client) => {
      return (await client.query<T>(text, values)).rows;
    });
  }

  /** @throws Error with what the service said when it refuses */
  async call<T>(
    method: 'GET' | 'POST',
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const response = await fetch(this.address + path, {
      method,
      headers: {
        authorization: `Bearer ${this.options.token}`,
        'content-type': 'application/json',
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  }

  kill9(): Promise<void> {
    return this.end('SIGKILL');
  }

  /** A job that has failed as `faults` say; they are gone afterwards. */
  async failedJob(faults: Faults): Promise<string> {
    await this.setFaults(faults);
    const job = await this.startJob({ reset: true });
    await this.waitForJob(job, ['failed']);
    await this.setFaults({});
    return job;
  }

  /** Waits until the job stands still in the middle of this batch. */
  async standsStill(job: string, stage: Stage, batch: number): Promise<void> {
    const text = `SELECT 1 FROM processing_jobs j
      JOIN pg_stat_activity a ON a.application_name = 'pipeline job ' || j.id
      WHERE j.id = $1 AND j.stage = $2 AND j.done_batches = $3 AND a.state = 'idle in transaction'`;
    await until(
      `job ${job} to stand still in ${stage} ${batch}`,
      async () => (await this.query(text, [job, stage, batch - 1])).length > 0,
    );
  }

  /**
   * As a host that loses its power: the service and all its jobs. Returns when the database has
   * ended the sessions of the jobs.
   */
  async dieWithJobs(): Promise<void> {
    await this.kill9();
    const running = await this.query<{ pid: number; pid_started: string }>(
      `SELECT pid, pid_started FROM processing_jobs
       WHERE status IN ('queued', 'running') AND pid IS NOT NULL`,
    );
    for (const { pid, pid_started: started } of running)
      if (lives({ pid, started })) process.kill(pid, 'SIGKILL');
    const text = `SELECT 1 FROM pg_stat_activity
      WHERE application_name LIKE 'pipeline job %' AND datname = current_database()`;
    await until(
      'the sessions of the jobs to end',
      async () => (await this.query(text)).length === 0,
    );
  }

  /** Waits until it has died of the request of `diesOn`. */
  async hasDied(): Promise<void> {
    await until('the service to die', () => Promise.resolve(this.child?.signalCode !== null));
  }

  stop(): Promise<void> {
    return this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
}
