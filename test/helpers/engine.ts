import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type pg from 'pg';
import { payloadCodec } from '../../common/payload-codec.js';
import type { Admission, BorderLimits } from '../../common/admission.js';
import type { DecisionEnvelope, StartEnvelope, Verdict } from '../../common/envelope.js';
import { messageNames, workflowTaskTimeout } from '../../common/defaults.js';
import { rulesOfQuestion } from '../../common/questions.js';
import { endableRetries } from '../../common/temporal-retries.js';
import type { RunView } from '../../common/view.js';
import type { JsonObject } from '../../language/json.js';
import { WorkerProcess } from '../../examples/demo/worker.js';
import { shippedEntry } from '../../worker/bundle.js';
import { programFolder, readConfig } from '../../worker/config.js';
import { createWorker } from '../../worker/create.js';
import { migrate, openPool } from '../../store/index.js';
import { ask } from './ask.js';
import { createTestDatabase } from './database.js';
import { until } from '../../lab/until.js';
import { testBundle } from './bundle.js';
import { catalogueOfTest } from './catalogue.js';
import { replayAll } from './replay.js';

const proceduresFile = join(programFolder, 'test', 'engine', 'procedures.js');
const engineWorker = join(programFolder, 'test', 'helpers', 'engine-worker.js');

export interface EngineOptions {
  targets?: string;
  secrets?: string;
  /**
   * Workers in processes of their own, which can be killed; 0: one in this process, which starts
   * sooner.
   */
  workers?: number;
  /** When runs continue as new; only with a worker in this process. */
  border?: BorderLimits;
  /** Settings of the workers, beside those that every test needs. */
  settings?: Record<string, string>;
  /** The test starts its workers itself, in processes of their own. */
  later?: boolean;
  /** Compiled module with the procedures, when they are not those of the engine's tests. */
  procedures?: string;
  /** Files of a library of runbooks, by name. The procedures are those that we ship then. */
  library?: Readonly<Record<string, string>>;
  /** Runbooks that are data, as `runbookOf` takes them. With them, too, we ship the procedures. */
  plans?: readonly object[];
  /** Program of those processes, when it is not the engine tests' own. */
  program?: string;
  /** Temporal server, when it is not the one that all tests share. */
  address?: string;
  /** Address of an empty database for the record, when it is not one of the test server's. */
  databaseUrl?: string;
}

/**
 * The real engine on the real server: workers of its own task queue, a record of its own, the test
 * procedures.
 */
export class Engine {
  readonly workers: WorkerProcess[] = [];

  private constructor(
    /** The environment of a worker. */
    readonly env: Record<string, string>,
    private readonly program: string,
    readonly folder: string,
    readonly taskQueue: string,
    /** Of the Temporal server. */
    readonly address: string,
    /** Of the record. */
    readonly databaseUrl: string,
    readonly client: Client,
    readonly pool: pg.Pool,
    private readonly closers: (() => Promise<unknown>)[],
  ) {}

  static async start(options: EngineOptions = {}): Promise<Engine> {
    const {
      targets = 'targets: {}\n',
      secrets = 'secrets: {}\n',
      workers = 0,
      later = false,
      settings = {},
      library,
      plans,
      procedures = library || plans ? shippedEntry : proceduresFile,
    } = options;
    const address = options.address ?? process.env['TEMPORAL_ADDRESS'];
    if (!address) throw new Error('TEMPORAL_ADDRESS is not set: run this test through npm test');
    const folder = await mkdtemp(join(tmpdir(), 'runbook-engine-'));
    await writeFile(join(folder, 'targets.yaml'), targets);
    await writeFile(join(folder, 'secrets.yaml'), secrets, { mode: 0o600 });
    if (library) await writeLibrary(join(folder, 'library'), library);
    if (plans) await writeFile(join(folder, 'plans.json'), JSON.stringify(plans));
    const database = options.databaseUrl
      ? { url: options.databaseUrl, drop: () => Promise.resolve() }
      : await createTestDatabase('engine');
    const taskQueue = `engine-${randomUUID()}`;
    const bundle = join(folder, 'bundle.js');
    const env = {
      TEMPORAL_ADDRESS: address,
      TEST_BUNDLE: bundle,
      RUNBOOK_TASK_QUEUE: taskQueue,
      RUNBOOK_DATABASE_URL: database.url,
      RUNBOOK_TARGETS: join(folder, 'targets.yaml'),
      RUNBOOK_SECRETS: join(folder, 'secrets.yaml'),
      RUNBOOK_JOURNALS: join(folder, 'journals'),
      RUNBOOK_COMMAND: 'runbook',
      ...(workers > 0 || later ? { RUNBOOK_HEARTBEAT_MS: '2000' } : {}),
      ...(library ? { RUNBOOK_LIBRARY: join(folder, 'library') } : {}),
      ...(plans ? { TEST_PLANS: join(folder, 'plans.json') } : {}),
      ...settings,
    };
    const pool = openPool(database.url);
    await migrate(pool);
    quiet();
    const code = await testBundle(procedures);
    const retries = endableRetries(10);
    const interceptors = [retries.interceptor];
    const client = new Client({
      connection: await Connection.connect({ address, interceptors }),
      dataConverter: { payloadCodecs: [payloadCodec] },
    });
    const engine: Engine = new Engine(
      env,
      options.program ?? engineWorker,
      folder,
      taskQueue,
      address,
      database.url,
      client,
      pool,
      [
        () => engine.replay(),
        () => {
          retries.end();
          return client.connection.close();
        },
        () => pool.end(),
        () => database.drop(),
        () => rm(folder, { recursive: true, force: true }),
      ],
    );
    await writeFile(bundle, code);
    if (workers === 0 && !later) await engine.workHere(code, options.border);
    for (let count = 0; count < workers; count += 1) await engine.startWorker();
    return engine;
  }

  /** False once runs may have gone from one code to another, so that neither replays them. */
  private hasOneCode = true;

  /** Changes the bundle of workers that start later. */
  async changeCode(change: (code: string) => string): Promise<void> {
    this.hasOneCode = false;
    const file = join(this.folder, 'bundle.js');
    await writeFile(file, change(await readFile(file, 'utf8')));
  }

  /**
   * Another bundle for workers of this engine.
   * @param module compiled module of test/engine, without extension
   * @returns its file
   */
  async bundle(module: string): Promise<string> {
    this.hasOneCode = false;
    const file = join(this.folder, `${module}.bundle.js`);
    await writeFile(file, await testBundle(join(programFolder, 'test', 'engine', `${module}.js`)));
    return file;
  }

  /**
   * Another worker in a process of its own.
   * @param change settings that differ from those of the others
   * @param prefix put before its command line
   */
  async startWorker(
    change: Record<string, string> = {},
    prefix: readonly string[] = [],
  ): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start({ ...this.env, ...change }, this.program, prefix);
    this.workers.push(worker);
    return worker;
  }

  /** As a power cut would end it, and nobody takes its place. */
  async loseWorker(worker: WorkerProcess): Promise<void> {
    this.workers.splice(this.workers.indexOf(worker), 1);
    await worker.kill9();
  }

  /** As a power cut would end all workers; none takes their place. */
  async killWorkers(): Promise<void> {
    await Promise.all(this.workers.splice(0).map((worker) => worker.kill9()));
  }

  /** As a power cut would end it; another one takes its place. */
  async killWorker(worker: WorkerProcess | undefined = this.workers[0]): Promise<void> {
    if (!worker) throw new Error('there is no worker to kill');
    this.workers.splice(this.workers.indexOf(worker), 1);
    await worker.kill9();
    await this.startWorker();
  }

  /** Workers that died by themselves and were replaced. */
  replaced = 0;

  /**
   * Starts another worker whenever one has died by itself, until `until` is aborted.
   * @param env as `startWorker`
   */
  async replaceDead(until: AbortSignal, env: Record<string, string> = {}): Promise<void> {
    const over = new Promise<undefined>((done) =>
      until.addEventListener('abort', () => done(undefined)),
    );
    while (!until.aborted) {
      const dead = await Promise.race([
        over,
        ...this.workers.map((worker) => worker.exited.then(() => worker)),
      ]);
      if (!dead || until.aborted) continue;
      this.workers.splice(this.workers.indexOf(dead), 1);
      this.replaced += 1;
      await this.startWorker(env);
    }
  }

  /** Rejects when a worker ends that nobody ended, with what it said. */
  workerEnded(): Promise<never> {
    return Promise.race(
      this.workers.map(async (worker) => {
        await worker.exited;
        throw new Error(`a worker ended:\n${worker.tail()}`);
      }),
    );
  }

  private async workHere(code: string, border?: BorderLimits): Promise<void> {
    const { worker, connection, commands } = await createWorker(readConfig(this.env), this.pool, {
      bundle: { code, procedure: 'sha256:test' },
      catalogue: catalogueOfTest(this.env),
      ...(border ? { border } : {}),
    });
    const running = worker.run();
    this.closers.unshift(
      async () => {
        worker.shutdown();
        await running;
        commands.close();
      },
      () => connection.close(),
    );
  }

  /** Ends all, and replays what ran; whatever fails, nothing is left running. */
  async stop(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of [...this.workers.map((worker) => () => worker.stop()), ...this.closers])
      await close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  private async replay(): Promise<void> {
    const { address, taskQueue } = this;
    if (this.hasOneCode) await replayAll({ address, taskQueue, file: this.path('bundle.js') });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  envelope(runbook: string, inputs: JsonObject, run = `${runbook}-${randomUUID()}`): StartEnvelope {
    return {
      version: 1,
      id: randomUUID(),
      verb: 'start',
      run,
      runbook,
      inputs,
      by: 'requester',
      reason: 'test',
    };
  }

  /** @param priority what Temporal orders waiting tasks by */
  async run(
    runbook: string,
    inputs: JsonObject,
    priority?: { priorityKey: number },
  ): Promise<WorkflowHandle> {
    const envelope = this.envelope(runbook, inputs);
    return this.client.workflow.start(runbook, {
      ...(priority ? { priority } : {}),
      ...{ workflowId: envelope.run, taskQueue: this.taskQueue, args: [envelope] },
      workflowTaskTimeout,
    });
  }

  admission(runbook: string, inputs: JsonObject): Promise<Admission> {
    const envelope: StartEnvelope = { ...this.envelope(runbook, inputs), verb: 'plan' };
    return this.client.workflow.execute('launch', {
      workflowId: `launch-${envelope.id}`,
      taskQueue: this.taskQueue,
      args: [envelope],
    });
  }

  status(handle: WorkflowHandle): Promise<RunView> {
    return ask<RunView>(handle, messageNames.status);
  }

  /** The gate, once the run waits at one. */
  async waiting(handle: WorkflowHandle): Promise<RunView['waitingFor'][number]> {
    return until('the run to wait at a gate', async () => {
      const view = await this.status(handle).catch(() => undefined);
      return view?.waitingFor[0];
    });
  }

  /** The run as soon as it asks people or has ended. */
  asksOrEnds(handle: WorkflowHandle, limitMs?: number): Promise<RunView> {
    return until(
      'the run to ask or to end',
      async () => {
        const view = await this.status(handle).catch(() => undefined);
        return view && (view.endedAt !== null || view.waitingFor.length > 0) ? view : undefined;
      },
      limitMs,
    );
  }

  /** A decision that fits what the run waits for, by somebody who may; `change` bends it. */
  async decision(
    handle: WorkflowHandle,
    change: Partial<DecisionEnvelope> = {},
  ): Promise<DecisionEnvelope> {
    const gate = await this.waiting(handle);
    return {
      version: 1,
      id: randomUUID(),
      run: handle.workflowId,
      verb: 'approve',
      about: { kind: rulesOfQuestion(gate.kind).about, id: gate.id },
      attempt: gate.attempt,
      digest: gate.digest,
      by: 'approver',
      reason: 'looks right',
      ...change,
    };
  }

  async send(handle: WorkflowHandle, decision: DecisionEnvelope): Promise<Verdict> {
    await handle.signal(messageNames.decide, decision);
    return this.verdict(handle, decision.id);
  }

  /** Its requester cancels the run. */
  cancel(handle: WorkflowHandle): Promise<Verdict> {
    return this.send(handle, {
      ...{ version: 1, id: randomUUID(), run: handle.workflowId, verb: 'cancel' },
      ...{ by: 'requester', reason: 'wrong night' },
    });
  }

  verdict(handle: WorkflowHandle, decision: string): Promise<Verdict> {
    return until(
      'a verdict',
      () => ask<Verdict | null>(handle, messageNames.verdict, decision),
      10_000,
      20,
    );
  }

  /** Waits until the run has ended, however it ends, and returns its last view. */
  async ended(handle: WorkflowHandle): Promise<RunView> {
    await handle.result().catch(() => undefined);
    return this.status(handle);
  }
}

let isQuiet = false;
/**
 * The SDK tells at INFO what each worker does; one file of tests makes many workers, but has one
 * runtime.
 */
function quiet(): void {
  if (!isQuiet) Runtime.install({ logger: new DefaultLogger('ERROR') });
  isQuiet = true;
}

async function writeLibrary(folder: string, files: Readonly<Record<string, string>>) {
  await mkdir(folder);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}
