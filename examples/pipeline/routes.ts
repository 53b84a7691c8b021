import type { IncomingMessage } from 'node:http';
import type { Pool } from 'pg';
import { z } from 'zod';
import type { Config } from './config.js';
import { parseFaults, type Faults } from './faults.js';
import { authorise, readJson, type Answer } from './http.js';
import { createJob, restartJob } from './jobs.js';
import { Refused } from './refused.js';
import { readSource } from './source.js';
import { stages } from './stages.js';
import { jobLog, jobStatus, pipelineStatus } from './status.js';
import type { Supervisor } from './supervisor.js';
import { validate } from './validate.js';

const startBody = z.strictObject({ reset: z.boolean().optional() });
const restartBody = z.strictObject({
  checkpoint: z.strictObject({ stage: z.enum(stages), batch: z.int().min(0) }).nullish(),
});

type Handler = (part: string, request: IncomingMessage) => Promise<Answer>;

interface Route {
  method: 'GET' | 'POST';
  /** The path; its one group, if any, is handed to `handle`. */
  path: RegExp;
  handle: Handler;
}

/** The service's API over one database. */
export class Api {
  /** Set by request, on top of those of the environment. */
  private faults: Faults = {};
  private readonly routes: Route[];

  constructor(
    private readonly config: Config,
    private readonly pool: Pool,
    private readonly supervisor: Supervisor,
  ) {
    this.routes = [
      { method: 'GET', path: /^\/api\/v1\/pipelines\/status$/, handle: () => this.pipelines() },
      { method: 'POST', path: /^\/api\/v1\/jobs$/, handle: (_, request) => this.startJob(request) },
      { method: 'GET', path: /^\/api\/v1\/jobs\/([^/]+)\/status$/, handle: async (id) => ok(await jobStatus(pool, id)) },
      { method: 'GET', path: /^\/api\/v1\/jobs\/([^/]+)\/log$/, handle: async (id) => ok(await jobLog(pool, id)) },
      { method: 'POST', path: /^\/api\/v1\/jobs\/([^/]+)\/restart$/, handle: (id, request) => this.restart(id, request) },
      { method: 'POST', path: /^\/api\/v1\/jobs\/([^/]+)\/stop$/, handle: (id) => this.stop(id) },
      { method: 'POST', path: /^\/api\/v1\/restarts\/([^/]+)\/stop$/, handle: (key) => this.stopRestart(key) },
      { method: 'GET', path: /^\/api\/v1\/datasets\/([^/]+)\/validate$/, handle: async (id) => ok(await validate(pool, id)) },
      { method: 'POST', path: /^\/api\/v1\/faults$/, handle: (_, request) => this.setFaults(request) },
    ];
  }

  /** @throws Refused */
  async answer(request: IncomingMessage): Promise<Answer> {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/health') return this.health();
    authorise(request, this.config.token);
    const fitting = this.routes.filter(({ path }) => path.test(pathname));
    const route = fitting.find(({ method }) => method === request.method);
    if (!route) {
      if (fitting.length > 0)
        throw new Refused(405, 'wrong-method', `${pathname} takes ${fitting.map(({ method }) => method).join(', ')}`);
      throw new Refused(404, 'no-such-path', `there is no ${pathname}; see examples/pipeline/README.md`);
    }
    return route.handle(decode(route.path.exec(pathname)?.[1]), request);
  }

  private async health(): Promise<Answer> {
    await this.pool.query('SELECT 1');
    return ok({ status: 'ok', pipeline: this.config.name });
  }

  private async pipelines(): Promise<Answer> {
    return ok({ pipelines: [await pipelineStatus(this.pool, this.config.name)] });
  }

  private async startJob(request: IncomingMessage): Promise<Answer> {
    const { reset = false } = checked(startBody, await readJson(request));
    const { length: lines } = await readSource({ rows: this.config.rows });
    const dataset = { id: this.config.name, lines, batchSize: this.config.batch };
    const job = await createJob(this.pool, dataset, reset, this.activeFaults());
    this.supervisor.start(job.id);
    return { status: 201, body: await jobStatus(this.pool, job.id) };
  }

  private async restart(id: string, request: IncomingMessage): Promise<Answer> {
    const { checkpoint } = checked(restartBody, await readJson(request));
    const key = request.headers['idempotency-key'];
    const job = await restartJob(this.pool, id, checkpoint, typeof key === 'string' ? key : undefined, this.activeFaults());
    if (!job.repeated) this.supervisor.start(job.id);
    const status = await jobStatus(this.pool, job.id);
    return { status: job.repeated ? 200 : 201, body: { ...status, repeated: job.repeated } };
  }

  private async stop(id: string): Promise<Answer> {
    await jobStatus(this.pool, id);
    await this.supervisor.stop(id);
    return ok(await jobStatus(this.pool, id));
  }

  private async stopRestart(key: string): Promise<Answer> {
    const { rows } = await this.pool.query<{ id: string }>('SELECT id FROM processing_jobs WHERE restart_key = $1', [key]);
    if (!rows[0]) throw new Refused(404, 'no-such-restart', 'no restart with this key was asked for');
    return this.stop(rows[0].id);
  }

  private async setFaults(request: IncomingMessage): Promise<Answer> {
    if (!this.config.faultsByRequest)
      throw new Refused(404, 'no-such-path', 'faults can be set only when PIPELINE_FAULTS is set');
    const body = await readJson(request);
    try {
      this.faults = parseFaults(body);
    } catch (error) {
      throw new Refused(422, 'bad-faults', (error as Error).message);
    }
    return ok(this.activeFaults());
  }

  private activeFaults(): Faults {
    return { ...this.config.faults, ...this.faults };
  }
}

function ok(body: object | string): Answer {
  return { status: 200, body };
}

function decode(part: string | undefined): string {
  try {
    return decodeURIComponent(part ?? '');
  } catch {
    throw new Refused(400, 'bad-path', 'the path is not well encoded');
  }
}

function checked<T>(schema: z.ZodType<T>, body: unknown): T {
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  throw new Refused(
    422,
    'bad-body',
    error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; '),
  );
}
