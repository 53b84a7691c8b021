import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { until } from '../until.js';
import { schema, stepNames, steps, tableOf, type Step } from './schema.js';
import { readStrikes, totalsOf, unnamed, type Strike, type Totals } from './source.js';
import { BadRow, doChunk, type StrikeFaults } from './work.js';
import { withClient } from '../with-client.js';

interface Run {
  run: number;
  phase: 'WAITING' | 'WORKING' | 'DONE' | 'BROKEN' | 'ABORTED';
  at: { step: Step; chunk: number } | null;
  began: number;
  /** The key of the request that began it. */
  key?: string;
  why?: { kind: string; text: string; row?: object };
}

/** From where a resumed run does its steps anew; earlier steps go on from what they claim. */
interface From {
  step: Step;
  from: number;
}

export interface StrikesOptions {
  databaseUrl: string;
  /** The database of the last step's table; absent: that of all the others. */
  bookedUrl?: string;
  rows: number;
  chunk: number;
}

/**
 * A second pipeline, of another make than the first: its chunks pass through all steps one after
 * the other, it writes without transactions, and its API has other words. Runs in this process.
 */
export class StrikesService {
  readonly token = randomBytes(12).toString('hex');
  faults: StrikeFaults = {};
  private readonly runs: Run[] = [];
  private readonly keys = new Map<string, number>();
  private readonly server: Server;
  private readonly working = new Set<Promise<void>>();

  private constructor(private readonly options: StrikesOptions) {
    this.server = createServer((request, response) => {
      this.answer(request).then(
        ({ status, body }) =>
          response
            .writeHead(status, { 'content-type': 'application/json' })
            .end(JSON.stringify(body)),
        () => response.writeHead(500).end(),
      );
    });
  }

  static async start(options: StrikesOptions): Promise<StrikesService> {
    const service = new StrikesService(options);
    service.server.listen(0, '127.0.0.1');
    await once(service.server, 'listening');
    await service.reset();
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    for (const run of this.runs) if (run.phase === 'WORKING') run.phase = 'ABORTED';
    await Promise.all(this.working);
  }

  /** Empty tables, and no runs. */
  async reset(): Promise<void> {
    await Promise.all(this.working);
    this.runs.length = 0;
    this.keys.clear();
    this.faults = {};
    for (const url of this.urls) await withClient(url, (client) => client.query(schema));
  }

  private get urls(): string[] {
    return [...new Set([this.options.databaseUrl, this.urlOf('booked')])];
  }

  private urlOf(step: Step): string {
    const { databaseUrl, bookedUrl = databaseUrl } = this.options;
    return step === 'booked' ? bookedUrl : databaseUrl;
  }

  /** A first run that breaks as `faults` say; they are gone afterwards. */
  async brokenRun(faults: StrikeFaults): Promise<number> {
    await this.reset();
    this.faults = faults;
    const { run } = this.begin(null);
    await this.ended(run);
    this.faults = {};
    return run;
  }

  /** Resumes as a tired person would: where it broke, without a look. */
  async resumeBlindly(run: number): Promise<void> {
    const { at } = this.runs.find((each) => each.run === run) as Run;
    await this.ended(this.begin(at && { step: at.step, from: at.chunk }).run);
  }

  async ended(run: number): Promise<Run> {
    return until(
      `run ${run} to end`,
      () =>
        Promise.resolve(
          this.runs.find((each) => each.run === run && !/WAITING|WORKING/.test(each.phase)),
        ),
      60_000,
      20,
    );
  }

  get phases(): string[] {
    return this.runs.map(({ phase }) => phase);
  }

  truth(skipped: readonly string[] = []): Totals {
    return totalsOf(readStrikes(this.options.rows), skipped);
  }

  /** Reports that come to the last step. */
  bookable(): Strike[] {
    return readStrikes(this.options.rows).filter(({ species }) => species !== unnamed);
  }

  /** The last step's table, by SQL of our own. */
  async found(skipped: readonly string[] = []): Promise<Totals> {
    const { key, cost, speed } = steps.booked;
    const [found] = await this.queryOf<Totals & { keys: number }>(
      'booked',
      `SELECT count(*)::int AS rows, coalesce(sum("${cost}"), 0)::int AS cost, coalesce(sum("${speed}"), 0)::int AS speed,
              (count(*) - count(DISTINCT "${key}"))::int AS twice, count(DISTINCT "${key}")::int AS keys FROM ${tableOf('booked')}`,
    );
    const { keys = 0, rows = 0, cost: sum = 0, speed: knots = 0, twice = 0 } = found ?? {};
    return { rows, cost: sum, speed: knots, twice, lost: this.truth(skipped).rows - keys };
  }

  query<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    return this.queryOf('received', text, values);
  }

  /** A query on the database of the step's table. */
  queryOf<T extends pg.QueryResultRow>(
    step: Step,
    text: string,
    values: unknown[] = [],
  ): Promise<T[]> {
    return withClient(this.urlOf(step), async (client) => {
      return (await client.query<T>(text, values)).rows;
    });
  }

  private begin(from: From | null): Run {
    const run: Run = {
      ...{
        run: this.runs.length + 1,
        phase: 'WORKING',
        at: from && { step: from.step, chunk: from.from },
      },
      began: Date.now() / 1000,
    };
    this.runs.push(run);
    const work = this.work(run, from, this.faults).finally(() => this.working.delete(work));
    this.working.add(work);
    return run;
  }

  private async work(run: Run, from: From | null, faults: StrikeFaults): Promise<void> {
    const clients = new Map<string, pg.Client>();
    for (const url of this.urls) {
      const client = new pg.Client(url);
      client.on('error', () => undefined);
      await client.connect();
      clients.set(url, client);
    }
    const of = (step: Step): pg.Client => clients.get(this.urlOf(step)) as pg.Client;
    const { rows, chunk: size } = this.options;
    const strikes = readStrikes(rows);
    try {
      for (let chunk = 1; chunk <= Math.ceil(rows / size); chunk += 1)
        for (const step of stepNames) {
          if (run.phase !== 'WORKING') return;
          const isAgain =
            from !== null &&
            stepNames.indexOf(step) >= stepNames.indexOf(from.step) &&
            chunk >= from.from;
          if (!isAgain && (await isClaimed(of('received'), step, chunk))) continue;
          run.at = { step, chunk };
          if (faults.slowMs !== undefined) await delay(faults.slowMs);
          await doChunk(of, run.at, strikes.slice((chunk - 1) * size, chunk * size), faults);
        }
      run.phase = 'DONE';
    } catch (error) {
      run.phase = 'BROKEN';
      run.why =
        error instanceof BadRow
          ? { kind: 'BAD_ROW', text: error.message, row: error.row }
          : { kind: 'DATABASE', text: (error as Error).message };
    } finally {
      for (const client of clients.values()) await client.end().catch(() => undefined);
    }
  }

  private async answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    if (request.headers.authorization !== `Bearer ${this.token}`)
      return { status: 401, body: { message: 'who are you?' } };
    const { pathname } = new URL(request.url ?? '/', 'http://strikes');
    if (pathname === '/runs') return { status: 200, body: { items: this.runs } };
    const [, id, verb] = /^\/runs\/(\d+)(?:\/(\w+))?$/.exec(pathname) ?? [];
    const run = this.runs.find((each) => each.run === Number(id));
    if (!run) return { status: 404, body: { message: `no run ${id}` } };
    if (request.method === 'DELETE') {
      if (run.phase === 'WORKING') run.phase = 'ABORTED';
      await Promise.all(this.working);
      return { status: 202, body: run };
    }
    if (verb !== 'resume') return { status: 200, body: run };
    const key = String(request.headers['idempotency-key']);
    const before = this.keys.get(key);
    if (before !== undefined) return { status: 200, body: { started: before } };
    const resumed = this.begin((await bodyOf(request)) as From);
    resumed.key = key;
    this.keys.set(key, resumed.run);
    return { status: 201, body: { started: resumed.run } };
  }
}

async function isClaimed(client: pg.Client, step: Step, chunk: number): Promise<boolean> {
  const { rowCount } = await client.query(
    'SELECT 1 FROM wildlife."Done" WHERE "Step" = $1 AND "Chunk" = $2',
    [step, chunk],
  );
  return rowCount !== 0;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const part of request) text += String(part);
  return JSON.parse(text) as unknown;
}
