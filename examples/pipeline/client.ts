import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { Faults } from './faults.js';
import { measure, truthOfDataset } from './measure.js';
import { isAlive } from './process-identity.js';
import { truthOf, type Summary } from './source.js';
import { stages, type Place, type Stage } from './stages.js';
import type { JobState, JobStatus, PipelineStatus } from './status.js';

export type { CorruptMode, Faults } from './faults.js';
export type { Summary } from './source.js';
export type { Place, Stage } from './stages.js';
export type { JobState, JobStatus, PipelineStatus } from './status.js';

const dataset = 'flights';
const pollMs = 25;
const patienceMs = 60_000;

export interface PipelineOptions {
  databaseUrl: string;
  token: string;
  /** Lines of the source; all unless given. */
  rows?: number;
  /** Lines in a batch; 10,000 unless given. */
  batch?: number;
  /** In force as long as the service lives; `setFaults` adds to them. */
  faults?: Faults;
  slowMs?: number;
}

export interface RestartAnswer extends JobStatus {
  repeated: boolean;
}

/** An answer of the API that is no success. */
export class PipelineError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Starts the compiled service in a process of its own. @throws Error with what it said when it does not come up */
export async function startPipeline(options: PipelineOptions): Promise<PipelineProcess> {
  const { child, url } = await spawnServer(options);
  return new PipelineProcess(options, child, url);
}

/** The truth about the first `rows` lines of the source; what a right run leaves in the target. */
export async function truth(rows?: number): Promise<Summary> {
  return summaryOf(await truthOf(rows));
}

/** The running example pipeline, as its users and those who torment it see it. */
export class PipelineProcess {
  private readonly pool: pg.Pool;

  constructor(
    private readonly options: PipelineOptions,
    private child: ChildProcess,
    /** Where the API listens. */
    public url: string,
  ) {
    this.pool = new pg.Pool({ connectionString: options.databaseUrl, max: 2 });
    this.pool.on('error', () => undefined);
  }

  /** Process id of the API. */
  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Asks the API. @throws PipelineError when it answers with an error */
  async request<T>(method: 'GET' | 'POST', path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.options.token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    if (response.ok) return (isJson ? JSON.parse(text) : text) as T;
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    throw new PipelineError(response.status, error.code, error.message);
  }

  /** Starts a job from the beginning. @returns its id */
  async startJob(options: { reset?: boolean } = {}): Promise<string> {
    return (await this.request<JobStatus>('POST', '/api/v1/jobs', options)).id;
  }

  /**
   * Restarts a job. @returns the new job's id
   * @param checkpoint null: from the beginning; undefined: from the last checkpoints, as the service believes them
   */
  async restart(job: string, checkpoint?: Place | null, key?: string): Promise<string> {
    const body = checkpoint === undefined ? {} : { checkpoint };
    return (
      await this.request<RestartAnswer>(
        'POST',
        `/api/v1/jobs/${job}/restart`,
        body,
        key === undefined ? {} : { 'idempotency-key': key },
      )
    ).id;
  }

  async stopJob(job: string): Promise<JobStatus> {
    return this.request('POST', `/api/v1/jobs/${job}/stop`);
  }

  async status(job: string): Promise<JobStatus> {
    return this.request('GET', `/api/v1/jobs/${job}/status`);
  }

  async log(job: string): Promise<string> {
    return this.request('GET', `/api/v1/jobs/${job}/log`);
  }

  /** The pipeline with its newest job. */
  async pipeline(): Promise<PipelineStatus> {
    const { pipelines } = await this.request<{ pipelines: [PipelineStatus] }>('GET', '/api/v1/pipelines/status');
    return pipelines[0];
  }

  /** Faults of the jobs that start from now on, beside those that the service began with. */
  async setFaults(faults: Faults): Promise<void> {
    await this.request('POST', '/api/v1/faults', { ...(this.options.slowMs ? { slowMs: this.options.slowMs } : {}), ...faults });
  }

  /** Process id of a job, once it has one. */
  async jobPid(job: string): Promise<number> {
    return until(`job ${job} to have a process`, async () => (await this.status(job)).pid ?? undefined);
  }

  /** @throws Error at once when the job ends in another state */
  async waitForJob(job: string, states: readonly JobState[], limitMs = patienceMs): Promise<JobStatus> {
    return until(
      `job ${job} to be ${states.join(' or ')}`,
      async () => {
        const status = await this.status(job);
        if (states.includes(status.status)) return status;
        if (hasEnded(status)) throw new Error(`job ${job} is ${status.status}: ${status.error?.message ?? 'no error'}`);
        return undefined;
      },
      limitMs,
    );
  }

  /** Until the newest job has committed this batch of this stage. @throws Error at once when it ends before */
  async waitForProgress(stage: Stage, batch: number, limitMs = patienceMs): Promise<JobStatus> {
    return until(
      `batch ${batch} of stage ${stage}`,
      async () => {
        const { job } = await this.pipeline();
        if (!job?.progress) return undefined;
        const ahead = stages.indexOf(job.progress.stage) - stages.indexOf(stage);
        if (ahead > 0 || (ahead === 0 && job.progress.batch >= batch)) return job;
        if (hasEnded(job))
          throw new Error(`job ${job.id} is ${job.status} before batch ${batch} of stage ${stage}: ${job.error?.message ?? ''}`);
        return undefined;
      },
      limitMs,
    );
  }

  /** What the target holds, by SQL. */
  async summary(): Promise<Summary> {
    return summaryOf(await measure(this.pool, dataset, await truthOfDataset(this.pool, dataset, this.options.rows)));
  }

  /** What the target should hold. */
  async truth(): Promise<Summary> {
    return truth(this.options.rows);
  }

  /** Kills the API as a power cut would; its jobs run on. */
  async kill9(): Promise<void> {
    await end(this.child, 'SIGKILL');
  }

  /** Starts the API again after `kill9`, perhaps on another port. */
  async startAgain(): Promise<void> {
    const { child, url } = await spawnServer(this.options);
    this.child = child;
    this.url = url;
  }

  /** Ends the API and every job's process. */
  async stop(): Promise<void> {
    await end(this.child, 'SIGTERM');
    try {
      const { rows } = await this.pool.query<{ pid: number; started: string }>(
        `SELECT pid, process_started AS started FROM processing_jobs WHERE status = 'running'`,
      );
      for (const { pid, started } of rows) if (await isAlive(pid, started)) process.kill(pid, 'SIGKILL');
    } finally {
      await this.pool.end();
    }
  }
}

async function spawnServer({
  databaseUrl,
  token,
  rows,
  batch,
  faults = {},
  slowMs,
}: PipelineOptions): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [serverFile()], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      PIPELINE_DATABASE_URL: databaseUrl,
      PIPELINE_TOKEN: token,
      PIPELINE_PORT: '0',
      PIPELINE_NAME: dataset,
      PIPELINE_ROWS: rows === undefined ? '' : String(rows),
      PIPELINE_BATCH: batch === undefined ? '' : String(batch),
      PIPELINE_FAULTS: JSON.stringify({ ...(slowMs ? { slowMs } : {}), ...faults }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => said.splice(0, Math.max(0, said.push(line) - 20)));
  const url = await new Promise<string>((ready, failed) => {
    child.once('exit', (code) => failed(new Error(`the pipeline service ended with ${code}: ${said.join('\n')}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, found] = /^pipeline ready (\S+)$/.exec(line) ?? [];
      if (found) ready(found);
    });
  });
  return { child, url };
}

/** Beside this file when it is compiled; tests run it from its source, and the compiled service is in dist. */
function serverFile(): string {
  const beside = fileURLToPath(new URL('./server.js', import.meta.url));
  const file = existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/examples/pipeline/server.js', import.meta.url));
  if (!existsSync(file)) throw new Error(`the example pipeline is not built: there is no ${file}. Run: npx tsc -p .`);
  return file;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

function hasEnded({ status }: JobStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'stopped';
}

function summaryOf({ rows, sumDistance, sumDelay, checksum, duplicates, missing }: Summary): Summary {
  return { rows, sumDistance, sumDelay, checksum, duplicates, missing };
}

async function until<T>(what: string, look: () => Promise<T | undefined>, limitMs = patienceMs): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited ${limitMs / 1000} s in vain for ${what}`);
    await sleep(pollMs);
  }
}
