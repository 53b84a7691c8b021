import { randomUUID } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { runCli } from '../../client/program.js';
import { payloadCodec } from '../../common/payload-codec.js';
import { programFolder, readConfig, type WorkerConfig } from '../../worker/config.js';
import { createWorker, type Procedures } from '../../worker/create.js';
import { atThisPace } from '../../embedded/pace.js';
import { getRun, listRuns, migrate, openPool } from '../../store/index.js';
import { testCatalogue } from '../engine/specs.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { consenting } from '../helpers/consenting.js';
import { testBundleFile } from '../helpers/bundle.js';
import { replayAll } from '../helpers/replay.js';
import { until } from '../../lab/until.js';
import { recordedIo } from '../unit/client/fake-io.js';

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

const main = join(programFolder, 'client', 'main.js');

/**
 * What a world's worker carries instead of the test procedures, and how the command line is called.
 */
export interface WorldOptions {
  /** Compiled module with the procedures. */
  module: string;
  catalogue: Procedures['catalogue'];
  /** The file of targets. */
  targets: string;
  /**
   * Each call is a process of its own, as operators have it; otherwise the same program runs in
   * this process, which is quicker.
   */
  processes: boolean;
  /** Settings of its worker that differ. */
  worker: Partial<WorkerConfig>;
}

const ofTests: WorldOptions = {
  module: join(programFolder, 'test', 'engine', 'procedures.js'),
  catalogue: testCatalogue,
  targets: 'targets: {}\n',
  processes: false,
  worker: {},
};

/** The real command line, against the real server, a record and a worker of this test's own. */
export class World {
  private worker: { shutdown: () => void; ended: Promise<unknown> } | undefined;
  /** False once runs may have gone from one code to another, so that neither replays them. */
  private hasOneCode = true;

  private constructor(
    readonly folder: string,
    readonly taskQueue: string,
    readonly address: string,
    readonly client: Client,
    private readonly database: TestDatabase,
    private readonly procedures: Procedures,
    private readonly bundleFile: string,
    /** As `WorldOptions.processes`, from now on. */
    public processes: boolean,
    /** As `WorldOptions.worker`, from its next start on. */
    public settings: Partial<WorkerConfig>,
  ) {}

  static async start(options: Partial<WorldOptions> = {}): Promise<World> {
    const { module, catalogue, targets, processes, worker } = { ...ofTests, ...options };
    const address = process.env['TEMPORAL_ADDRESS'];
    if (!address) throw new Error('TEMPORAL_ADDRESS is not set: run this test through npm test');
    // Failing steps are what some of these tests are about.
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const folder = await mkdtemp(join(tmpdir(), 'runbook-cli-'));
    await writeFile(join(folder, 'targets.yaml'), targets);
    await writeFile(join(folder, 'secrets.yaml'), 'secrets: {}\n', { mode: 0o600 });
    const database = await createTestDatabase('cli');
    const pool = openPool(database.url);
    await migrate(pool);
    await pool.end();
    const client = new Client({
      connection: await Connection.connect({ address }),
      dataConverter: { payloadCodecs: [payloadCodec] },
    });
    const bundleFile = await testBundleFile(module);
    const code = await readFile(bundleFile, 'utf8');
    const procedures = { bundle: { code, procedure: 'sha256:test' }, catalogue };
    const world = new World(
      folder,
      `cli-${randomUUID()}`,
      address,
      client,
      database,
      procedures,
      bundleFile,
      processes,
      worker,
    );
    await world.startWorker();
    return world;
  }

  get databaseUrl(): string {
    return this.database.url;
  }

  /** Every run in the record. */
  async runIds(): Promise<string[]> {
    const pool = openPool(this.database.url);
    try {
      return (await listRuns(pool, { limit: 1_000 })).map((run) => run.id);
    } finally {
      await pool.end();
    }
  }

  /**
   * @param procedures what it carries instead of the test procedures
   * @param settings more of its environment
   */
  async startWorker(
    procedures: Procedures = this.procedures,
    settings: NodeJS.ProcessEnv = {},
  ): Promise<void> {
    if (procedures !== this.procedures) this.hasOneCode = false;
    const pool = openPool(this.database.url);
    const config = readConfig({
      RUNBOOK_TASK_QUEUE: this.taskQueue,
      RUNBOOK_DATABASE_URL: this.database.url,
      RUNBOOK_TARGETS: join(this.folder, 'targets.yaml'),
      RUNBOOK_SECRETS: join(this.folder, 'secrets.yaml'),
      RUNBOOK_JOURNALS: join(this.folder, 'journals'),
      RUNBOOK_COMMAND: 'runbook',
      RUNBOOK_WATCH_MS: '500',
      ...settings,
    });
    const { worker, connection, commands, periodicWork, teller } = await createWorker(
      { ...config, ...this.settings },
      pool,
      procedures,
    );
    periodicWork.start();
    teller.start();
    const ended = worker.run().finally(async () => {
      await Promise.all([periodicWork.close(), teller.close()]);
      commands.close();
      await connection.close();
      await pool.end();
    });
    this.worker = { shutdown: () => worker.shutdown(), ended };
  }

  async stopWorker(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    worker?.shutdown();
    await worker?.ended;
  }

  /** Ends all, and replays what ran; whatever fails, nothing is left running. */
  async stop(): Promise<void> {
    await this.stopWorker();
    const { address, taskQueue, bundleFile: file } = this;
    const replaying = this.hasOneCode ? replayAll({ address, taskQueue, file }) : undefined;
    const [wrong] = await Promise.allSettled([replaying]);
    await this.client.connection.close();
    await this.database.drop();
    await rm(this.folder, { recursive: true, force: true });
    if (wrong.status === 'rejected') throw wrong.reason;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  environment(change: Record<string, string> = {}): Record<string, string> {
    return {
      PATH: process.env['PATH'] ?? '',
      HOME: this.folder,
      RUNBOOK_HOME: this.folder,
      RUNBOOK_COMMAND: 'runbook',
      RUNBOOK_OPERATOR: 'requester',
      RUNBOOK_DATABASE_URL: this.database.url,
      RUNBOOK_TASK_QUEUE: this.taskQueue,
      RUNBOOK_UI_URL: 'http://ui.example/',
      RUNBOOK_TARGETS: join(this.folder, 'targets.yaml'),
      RUNBOOK_SECRETS: join(this.folder, 'secrets.yaml'),
      TEMPORAL_ADDRESS: this.address,
      RUNBOOK_PATIENCE: String(atThisPace(1)),
      // What leaks is found by it.
      ...Object.fromEntries(
        Object.entries(process.env).filter(
          (entry): entry is [string, string] => entry[0] === 'RUNBOOK_TEST_RUN',
        ),
      ),
      ...change,
    };
  }

  /** Runs `runbook …` to its end, as a script does: verbs that act are given `--yes`. */
  cli(argv: readonly string[], change: Record<string, string> = {}): Promise<CliResult> {
    return this.typed(consenting(argv), change);
  }

  /** Runs exactly these words. Whatever it was: no stack trace, no ANSI, errors in one form. */
  async typed(argv: readonly string[], change: Record<string, string> = {}): Promise<CliResult> {
    const result = await (this.processes
      ? this.inOwnProcess(argv, change)
      : this.here(argv, change));
    for (const text of [result.stdout, result.stderr]) {
      if (/\n\s+at .*[:(]\d+/.test(text)) throw new Error(`a stack trace: ${text}`);
      if (text.includes('\u001b'))
        throw new Error(`ANSI without a terminal: ${JSON.stringify(text)}`);
    }
    return result;
  }

  private async inOwnProcess(
    argv: readonly string[],
    change: Record<string, string>,
  ): Promise<CliResult> {
    const { code, stdout, stderr } = this.spawn(argv, change);
    return { code: await code, stdout: stdout(), stderr: stderr() };
  }

  private async here(argv: readonly string[], change: Record<string, string>): Promise<CliResult> {
    const io = recordedIo({ env: this.environment(change) });
    return { code: await runCli(argv, io), stdout: io.out(), stderr: io.err() };
  }

  /** As `cli`, with stdout read as JSON; the code must be one of those expected. */
  async json<T>(argv: readonly string[], codes: readonly number[] = [0]): Promise<T> {
    const result = await this.cli([...argv, '--output', 'json']);
    if (!codes.includes(result.code ?? -1))
      throw new Error(`exit ${result.code}: ${result.stderr}`);
    return JSON.parse(result.stdout) as T;
  }

  /** Starts `runbook …` and lets it run. */
  spawn(
    argv: readonly string[],
    change: Record<string, string> = {},
  ): {
    child: ChildProcess;
    code: Promise<number | null>;
    stdout: () => string;
    stderr: () => string;
  } {
    const child = spawn(process.execPath, [main, ...argv], {
      env: this.environment(change),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: { stdout: string; stderr: string } = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (chunks.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (chunks.stderr += text));
    const code = once(child, 'close').then(([status]) => status as number | null);
    return { child, code, stdout: () => chunks.stdout, stderr: () => chunks.stderr };
  }

  /** Starts a run of the gated test procedure and waits until it asks. */
  async gatedRun(...more: string[]): Promise<string> {
    const argv = [
      'start',
      'test-gated',
      '--input',
      `journal=${this.path(`${randomUUID()}.txt`)}`,
      '--input',
      'last=["/bin/echo","done"]',
    ];
    const { id } = await this.json<{ id: string }>([...argv, '--reason', 'a test', ...more]);
    const waited = await this.cli(['wait', id, '--for', 'decision', '--timeout', '30s']);
    if (waited.code !== 0) throw new Error(`it did not wait: ${waited.stderr}`);
    // The run knows it first. Without a worker only the record can say at which gate it waits.
    const pool = openPool(this.database.url);
    try {
      await until('the record to know', async () => (await getRun(pool, id))?.state === 'waiting');
    } finally {
      await pool.end();
    }
    return id;
  }
}
