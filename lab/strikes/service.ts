import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { until } from '../until.js';
import { isClaimed, StrikesData, type StrikesOptions } from './data.js';
import { stepNames, tableOf, type Step } from './schema.js';
import { readStrikes } from './source.js';
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

/** What a service that has died does about the run that it was at, once it is back. */
export type Return =
  | 'broken'
  | 'aborted'
  /** Neither the run nor the key that began it is known. */
  | 'forgotten'
  /** No run is known. */
  | 'forgotten with all others'
  /** Behind what is claimed, without a look at what is written. */
  | 'resumed'
  /** What was written of the chunk is taken away first. */
  | 'resumed cleanly';

/** A request on which the service dies: before it is done, or before it is answered. */
interface Deadly {
  method: string;
  path: RegExp;
  when: 'asked' | 'done';
}

/** From where a resumed run does its steps anew; earlier steps go on from what they claim. */
interface From {
  step: Step;
  from: number;
}

/**
 * A second pipeline, of another make than the first: its chunks pass through all steps one after
 * the other, it writes without transactions, and its API has other words. Runs in this process.
 */
export class StrikesService extends StrikesData {
  readonly token = randomBytes(12).toString('hex');
  faults: StrikeFaults = {};
  /** The request that it does not survive. */
  diesOn: Deadly | undefined;
  /** Runs that began longer ago are in no list. */
  listsHours = Infinity;
  private readonly runs: Run[] = [];
  private readonly keys = new Map<string, number>();
  private readonly server: Server;
  private readonly working = new Set<Promise<void>>();
  private life = new AbortController();
  private lives = 1;
  private last = 0;
  private port = 0;
  private isStill = false;

  private constructor(options: StrikesOptions) {
    super(options);
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
    await service.listen();
    await service.reset();
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    for (const run of this.runs) if (run.phase === 'WORKING') run.phase = 'ABORTED';
    if (this.isStill) await this.endWork();
    await Promise.all(this.working);
  }

  /** Waits until the work stands still where `holdsAt` says. */
  async standsStill(): Promise<void> {
    await until('the work to stand still', () => Promise.resolve(this.isStill));
  }

  /**
   * As a process that is killed: connections are cut, work ends wherever it is. Returns when the
   * database has ended its sessions: nothing is written any more.
   */
  async die(): Promise<void> {
    this.diesOn = undefined;
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
    await this.endWork();
  }

  /** Waits until it has died of the request of `diesOn`. */
  async hasDied(): Promise<void> {
    await until('the service to die', () =>
      Promise.resolve(!this.server.listening && this.working.size === 0),
    );
  }

  /** Starts it again, on the port that it had. */
  async comeBack(how: Return): Promise<void> {
    this.faults = {};
    for (const run of this.runs.filter(({ phase }) => phase === 'WORKING')) {
      if (how === 'broken') {
        run.phase = 'BROKEN';
        run.why = { kind: 'RESTARTED', text: 'the service was restarted while it worked' };
      } else if (how === 'aborted') run.phase = 'ABORTED';
      else if (how === 'forgotten') this.forget(run);
      else if (how === 'forgotten with all others') this.forgetAll();
      else {
        if (how === 'resumed cleanly') await this.takeAway(run);
        this.workOn(run, null);
      }
    }
    await this.listen();
  }

  private forgetAll(): void {
    this.runs.length = 0;
    this.keys.clear();
  }

  private forget(run: Run): void {
    this.runs.splice(this.runs.indexOf(run), 1);
    this.keys.delete(run.key ?? '');
  }

  /** Deletes what is written of the chunk at which the run was. */
  private async takeAway({ at }: Run): Promise<void> {
    if (!at) return;
    const text = `DELETE FROM ${tableOf(at.step)} WHERE "Chunk" = $1`;
    if (!(await this.isDone(at.step, at.chunk))) await this.queryOf(at.step, text, [at.chunk]);
  }

  private async listen(): Promise<void> {
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Cuts the sessions of all work, and waits until the databases have ended them. */
  private async endWork(): Promise<void> {
    this.life.abort();
    await Promise.all(this.working);
    const text = 'SELECT 1 FROM pg_stat_activity WHERE application_name = $1';
    for (const url of this.urls)
      await until('the sessions of the service to end', () =>
        withClient(url, async (client) => {
          return (await client.query(text, [this.sessions])).rowCount === 0;
        }),
      );
    this.isStill = false;
    this.life = new AbortController();
    this.lives += 1;
  }

  /** What its sessions are called in this life. */
  private get sessions(): string {
    return `strikes ${this.token} ${this.lives}`;
  }

  /** Empty tables, and no runs. */
  async reset(): Promise<void> {
    if (this.isStill) await this.endWork();
    await Promise.all(this.working);
    this.runs.length = 0;
    this.last = 0;
    this.keys.clear();
    this.faults = {};
    this.diesOn = undefined;
    this.listsHours = Infinity;
    await this.makeTables();
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

  /** As if the run had begun so many days earlier. */
  makeOld(run: number, days: number): void {
    (this.runs.find((each) => each.run === run) as Run).began -= days * 86_400;
  }

  /** As the service does it every day: behind what is claimed. */
  async runAsUsual(): Promise<number> {
    const { run } = this.begin(null);
    await this.ended(run);
    return run;
  }

  /** Resumes as a tired person would: where it broke, without a look. Returns the new run. */
  startBlindly(run: number): number {
    const { at } = this.runs.find((each) => each.run === run) as Run;
    return this.begin(at && { step: at.step, from: at.chunk }).run;
  }

  /** The same, to its end. */
  async resumeBlindly(run: number): Promise<void> {
    await this.ended(this.startBlindly(run));
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

  private listed(): Run[] {
    const since = Date.now() / 1_000 - this.listsHours * 3_600;
    return this.runs.filter(({ began }) => began >= since);
  }

  get phases(): string[] {
    return this.runs.map(({ phase }) => phase);
  }

  private begin(from: From | null): Run {
    this.last += 1;
    const run: Run = {
      ...{
        run: this.last,
        phase: 'WORKING',
        at: from && { step: from.step, chunk: from.from },
      },
      began: Date.now() / 1000,
    };
    this.runs.push(run);
    this.workOn(run, from);
    return run;
  }

  private workOn(run: Run, from: From | null): void {
    const work = this.work(run, from, this.faults).finally(() => this.working.delete(work));
    this.working.add(work);
  }

  private async work(run: Run, from: From | null, faults: StrikeFaults): Promise<void> {
    const { signal } = this.life;
    const standStill = (): Promise<never> =>
      new Promise((_, ended) => {
        signal.addEventListener('abort', () => ended(new Error('the service has died')));
        this.isStill = true;
      });
    const clients = new Map<string, pg.Client>();
    for (const url of this.urls) clients.set(url, await this.connected(url, signal));
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
          await doChunk(
            of,
            run.at,
            strikes.slice((chunk - 1) * size, chunk * size),
            faults,
            standStill,
          );
        }
      run.phase = 'DONE';
    } catch (error) {
      // Who is dead says nothing of it.
      if (signal.aborted) return;
      run.phase = 'BROKEN';
      run.why =
        error instanceof BadRow
          ? { kind: 'BAD_ROW', text: error.message, row: error.row }
          : { kind: 'DATABASE', text: (error as Error).message };
    } finally {
      for (const client of clients.values()) await client.end().catch(() => undefined);
    }
  }

  /** A session that ends with the life of the service. */
  private async connected(url: string, signal: AbortSignal): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url, application_name: this.sessions });
    client.on('error', () => undefined);
    await client.connect();
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    if (signal.aborted) stream.destroy();
    signal.addEventListener('abort', () => stream.destroy());
    return client;
  }

  private async answer(request: IncomingMessage): Promise<Answer> {
    const { method, path, when } = this.diesOn ?? {};
    const isDeadly = request.method === method && path?.test(request.url ?? '') === true;
    if (isDeadly && when === 'asked') return this.dieInstead();
    const answer = await this.answerOf(request);
    return isDeadly ? this.dieInstead() : answer;
  }

  /** Nobody gets an answer. */
  private async dieInstead(): Promise<never> {
    if (this.faults.holdsAt && this.working.size > 0) await this.standsStill();
    await this.die();
    throw new Error('the service has died');
  }

  private async answerOf(request: IncomingMessage): Promise<Answer> {
    if (request.headers.authorization !== `Bearer ${this.token}`)
      return { status: 401, body: { message: 'who are you?' } };
    const { pathname } = new URL(request.url ?? '/', 'http://strikes');
    if (pathname === '/runs') return { status: 200, body: { items: this.listed() } };
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

interface Answer {
  status: number;
  body: unknown;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const part of request) text += String(part);
  return JSON.parse(text) as unknown;
}
