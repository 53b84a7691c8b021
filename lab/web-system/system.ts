import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { findPostgres } from '../../embedded/binaries.js';
import { cacheFolder } from '../../embedded/home.js';
import { freePort } from '../../embedded/ports.js';
import { startPostgres, type Postgres } from '../../embedded/postgres.js';
import { nameOf } from './app/owner.js';
import {
  instancesOf,
  makeSystemFolder,
  startInstance,
  stopInstance,
  type SystemFolder,
} from './instances.js';
import { migrate } from './migrations.js';
import { Proxy, type ProxyKind } from './proxy.js';
import { compiledProgram } from './programs.js';
import { publishReleases } from './releases.js';
import { seed } from './seed.js';
import { withClient } from '../with-client.js';

export interface WebSystemOptions {
  proxy: ProxyKind;
  /** Address of an empty database; unless given, PostgreSQL is started for it. */
  databaseUrl?: string;
  slots?: readonly string[];
  /**
   * Does release 1.0.0 run in every slot, with equal weights? Only in the first one unless said.
   */
  everywhere?: boolean;
  /** Does a restarted proxy come back with what it was told? true unless said otherwise. */
  remembers?: boolean;
  say?: (line: string) => void;
}

/**
 * The whole system: database, artefacts, release 1.0.0 in the first slot or in all, and the proxy
 * in front of it.
 */
export class WebSystem {
  private constructor(
    readonly files: SystemFolder,
    readonly databaseUrl: string,
    readonly proxy: Proxy,
    /** Slot → port that an instance there listens on. */
    readonly ports: Readonly<Record<string, number>>,
    private readonly postgres: Postgres | undefined,
  ) {}

  /** @param folder of its own @throws Error; then nothing is left running */
  static async start(folder: string, options: WebSystemOptions): Promise<WebSystem> {
    const { slots = ['blue', 'green'], remembers = true, say } = options;
    const postgres = options.databaseUrl === undefined ? await ownPostgres(folder, say) : undefined;
    const databaseUrl = options.databaseUrl ?? postgres?.url('web') ?? '';
    const files = makeSystemFolder(folder, databaseUrl);
    let proxy: Proxy | undefined;
    try {
      publishReleases(files.releases);
      const { exitCode, problem } = await migrate(files, '1.0.0', 'expand');
      if (exitCode !== 0) throw new Error(`the schema of release 1 could not be made: ${problem}`);
      await withClient(databaseUrl, seed);
      const used = options.everywhere ? slots : slots.slice(0, 1);
      const ports = Object.fromEntries(
        await Promise.all(slots.map(async (slot) => [slot, await freePort()] as const)),
      );
      const started = await Promise.all(
        used.map((name) =>
          startInstance(files, { name, version: '1.0.0', port: ports[name] ?? 0 }),
        ),
      );
      proxy = await Proxy.start(options.proxy, join(folder, options.proxy), { slots, remembers });
      await proxy.traffic.apply(
        started.map(({ name, port }) => ({ name, address: `127.0.0.1:${port}`, weight: 100 })),
      );
      return new WebSystem(files, databaseUrl, proxy, ports, postgres);
    } catch (error) {
      await end(files, proxy, postgres);
      throw error;
    }
  }

  stop(): Promise<void> {
    return end(this.files, this.proxy, this.postgres);
  }
}

async function ownPostgres(folder: string, say?: (line: string) => void): Promise<Postgres> {
  const programs = await findPostgres(cacheFolder(), say);
  const postgres = await startPostgres({
    programs,
    folder: join(folder, 'postgres'),
    databases: ['web'],
    say,
  });
  const watcher = [compiledProgram('after-owner'), nameOf(process.pid), nameOf(postgres.id.pid)];
  spawn(process.execPath, watcher, { detached: true, stdio: 'ignore' }).unref();
  return postgres;
}

/** Users first, the database last. */
async function end(
  files: SystemFolder,
  proxy: Proxy | undefined,
  postgres: Postgres | undefined,
): Promise<void> {
  await proxy?.stop();
  await Promise.all(instancesOf(files).map(({ name }) => stopInstance(files, name, 3_000)));
  await postgres?.stop();
}
