import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { announce, type DevConnection } from '../../embedded/connection.js';
import { homePaths, runbookHome } from '../../embedded/home.js';
import { startServices } from '../../embedded/services.js';
import { cleanUpOnStop } from '../../embedded/stop-request.js';
import { startPipeline, type PipelineProcess } from '../../lab/pipeline/client.js';
import type { Faults } from '../../lab/pipeline/faults.js';
import type { ProxyKind } from '../../lab/web-system/proxy.js';
import { SiteSystem, type SiteSystemOptions } from '../../lab/web-system/sites/system.js';
import { WebSystem } from '../../lab/web-system/system.js';
import { webTarget } from '../../lab/web-system/target.js';
import { pipelineFiles } from '../pipeline/files.js';
import { WorkerProcess } from './worker.js';

export interface StackOptions {
  /** Rows of the source that the pipeline reads; all unless given. */
  rows?: number;
  batch?: number;
}

/**
 * Temporal, PostgreSQL, the example pipeline and workers, each a real process of its own, with
 * targets and secrets to match.
 */
export class Stack {
  private readonly closers: (() => Promise<unknown>)[] = [];
  private stopping: Promise<void> | undefined;

  private constructor(
    private readonly connection: Omit<DevConnection, 'supervisor' | 'startedAt'>,
    /** Environment of the command line. */
    readonly cliEnv: Record<string, string>,
    private readonly workerEnv: Record<string, string>,
    private readonly databaseUrl: string,
    private readonly token: string,
    private readonly folder: string,
  ) {}

  /** Starts the servers. @param folder of its own, for data, targets and secrets */
  static async start(folder: string): Promise<Stack> {
    await mkdir(folder, { recursive: true });
    const services = await startServices({ home: folder, databases: ['runbook', 'pipeline'] });
    const token = randomBytes(18).toString('base64url');
    const shared = {
      TEMPORAL_ADDRESS: services.address,
      RUNBOOK_DATABASE_URL: services.database('runbook'),
      RUNBOOK_UI_URL: services.uiUrl,
      RUNBOOK_TASK_QUEUE: 'runbooks',
      RUNBOOK_TARGETS: join(folder, 'targets.yaml'),
      RUNBOOK_SECRETS: join(folder, 'secrets.yaml'),
      RUNBOOK_JOURNALS: join(folder, 'journals'),
    };
    const databaseUrl = services.database('pipeline');
    const secrets = {
      FLIGHTS_API_TOKEN: token,
      FLIGHTS_DATABASE_PASSWORD: decodeURIComponent(new URL(databaseUrl).password),
    };
    const workerEnv = { ...shared, ...secrets, RUNBOOK_HEARTBEAT_MS: '3000' };
    const { address, namespace, uiUrl, databaseUrl: record } = services;
    const connection = { address, namespace, uiUrl, databaseUrl: record, taskQueue: 'runbooks' };
    const stack = new Stack(connection, shared, workerEnv, databaseUrl, token, folder);
    stack.closers.push(() => services.stop());
    return stack;
  }

  /** Starts the pipeline, and tells workers where it is. */
  async startPipeline(faults: Faults, options: StackOptions = {}): Promise<PipelineProcess> {
    const pipeline = await startPipeline({
      databaseUrl: this.databaseUrl,
      token: this.token,
      faults,
      ...options,
    });
    this.closers.push(() => pipeline.stop());
    const variables: Record<string, string> = {
      token: 'FLIGHTS_API_TOKEN',
      password: 'FLIGHTS_DATABASE_PASSWORD',
    };
    const { targets, secrets } = pipelineFiles(pipeline.url, this.databaseUrl, (name) => ({
      from: `env:${variables[name]}`,
    }));
    await writeFile(this.workerEnv['RUNBOOK_TARGETS'] ?? '', targets);
    await writeFile(this.workerEnv['RUNBOOK_SECRETS'] ?? '', secrets, { mode: 0o600 });
    return pipeline;
  }

  /** Starts the web application behind its proxy, and tells workers where it is. */
  async startWebSystem(proxy: ProxyKind): Promise<WebSystem> {
    const system = await WebSystem.start(join(this.folder, 'web'), {
      proxy,
      databaseUrl: this.databaseUrl,
    });
    this.closers.push(() => system.stop());
    await writeFile(
      this.workerEnv['RUNBOOK_TARGETS'] ?? '',
      JSON.stringify({ targets: { shop: webTarget(system) } }),
    );
    await writeFile(this.workerEnv['RUNBOOK_SECRETS'] ?? '', 'secrets: {}\n', { mode: 0o600 });
    return system;
  }

  /** Starts the web application with two sites, and tells workers where they are. */
  async startSites(
    proxy: ProxyKind,
    options: Partial<SiteSystemOptions> = {},
  ): Promise<SiteSystem> {
    // PostgreSQL's account has to enter it, and this one's folder is closed to others.
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'runbook-sites-')));
    this.closers.push(() => rm(folder, { recursive: true, force: true }));
    await chmod(folder, 0o755);
    const system = await SiteSystem.start(folder, { proxy, ...options });
    this.closers.push(() => system.stop());
    const { from, to, drill, entrance } = system.targets;
    const targets = { 'site-a': from, 'site-b': to, 'site-drill': drill, entrance };
    await writeFile(this.workerEnv['RUNBOOK_TARGETS'] ?? '', JSON.stringify({ targets }));
    await writeFile(this.workerEnv['RUNBOOK_SECRETS'] ?? '', 'secrets: {}\n', { mode: 0o600 });
    return system;
  }

  /**
   * Lets the command line of this clone find it, until it stops.
   * @returns false when something else runs in this clone: then it finds that
   */
  announce(): boolean {
    if (!announce(this.connection)) return false;
    this.closers.push(() => rm(homePaths(runbookHome()).connection, { force: true }));
    return true;
  }

  async startWorker(): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(this.workerEnv);
    this.closers.push(() => worker.stop());
    return worker;
  }

  /**
   * Stops what was started, the newest first; all of it, even when one does not let itself be
   * stopped.
   */
  stop(): Promise<void> {
    this.stopping ??= (async () => {
      for (const close of this.closers.reverse()) await close().catch(() => undefined);
    })();
    return this.stopping;
  }
}

/**
 * Runs `work` with a stack in a folder of its own. Both are gone afterwards, also when somebody
 * presses Ctrl-C.
 */
export async function withStack<T>(work: (stack: Stack) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'runbook-demo-'));
  const starting = Stack.start(folder);
  const cleanUp = async (): Promise<void> => {
    await starting.then((stack) => stack.stop()).catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  };
  const takeBack = cleanUpOnStop(cleanUp);
  try {
    return await work(await starting);
  } finally {
    await cleanUp();
    takeBack();
  }
}
