import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { findPostgres, serverFolder } from '../../../embedded/binaries.js';
import { serverAccount } from '../../../embedded/account.js';
import { writeJson } from '../../../embedded/files.js';
import { cacheFolder } from '../../../embedded/home.js';
import { freePort } from '../../../embedded/ports.js';
import { reachablePrograms } from '../../../embedded/postgres.js';
import type { TargetDeclaration } from '../../../language/targets-file.js';
import { nameOf } from '../app/owner.js';
import type { Instance } from '../instances.js';
import { compiledProgram } from '../programs.js';
import { Proxy, type ProxyKind } from '../proxy.js';
import { publishReleases, releases } from '../releases.js';
import { compare, type Comparison } from './compare.js';
import { databaseUrl, handOver, mustBeReachable, superuser } from './database.js';
import { writeDurably } from './durable-files.js';
import { makeFirstSite, newPassword } from './first-site.js';
import { killSite, processesOf, stopAll, wipe } from './place.js';
import { end, signalAll, startDetached } from './processes.js';
import type { Login } from './seed-site.js';
import { vaultPlaces, type SiteConfig } from './site-config.js';
import { configFileOf } from './tiers.js';
import { askWitness, type WitnessState } from './witness-client.js';
import { Writer } from './writer-client.js';

export type SiteName = 'a' | 'b' | 'drill';
const siteNames: readonly SiteName[] = ['a', 'b', 'drill'];

export interface SiteSystemOptions {
  proxy: ProxyKind;
  /** Seconds after which a WAL segment is archived also when it is not full; 2 unless said. */
  archiveTimeoutSeconds?: number;
  /** How long a lease lasts; 3000 ms unless said. */
  leaseMs?: number;
  /** Base backups that are older are not good; a day unless said. */
  maxAgeSeconds?: number;
  /** How often a monitored site takes a base backup; never by itself unless said. */
  backupEverySeconds?: number;
  /** Further data in the database, in megabytes. */
  documentMegabytes?: number;
  say?: (line: string) => void;
}

/** What a program of a site said: its line of JSON, or why not. */
export interface VerbResult {
  exitCode: number;
  json: Record<string, unknown> | null;
  problem: string;
}

export type SiteTarget = Omit<TargetDeclaration, 'name'>;

/**
 * The whole system: site a with everything on it, the place of site b, the place of a drill, vault,
 * witness and entrance. All of it ends when this process has ended.
 */
export class SiteSystem {
  private constructor(
    readonly folder: string,
    readonly vault: string,
    readonly entrance: Proxy,
    /** Who writes for all tenants. */
    readonly writer: Login,
    private readonly configs: Readonly<Record<SiteName, SiteConfig>>,
    private readonly beside: readonly Instance[],
    private readonly pageAddress: string,
  ) {}

  /**
   * @param folder of its own, that PostgreSQL's account can enter
   * @throws Error; then nothing is left running
   */
  static async start(folder: string, options: SiteSystemOptions): Promise<SiteSystem> {
    const say = options.say ?? (() => undefined);
    mustBeReachable(folder);
    const vault = makeVault(folder);
    publishReleases(
      join(folder, 'releases'),
      releases.filter(({ flaw }) => flaw === null),
    );
    const beside: Instance[] = [];
    const configs: SiteConfig[] = [];
    let entrance: Proxy | undefined;
    try {
      const witness = await startBeside(folder, 'witness', (port, owner) => [
        ...[
          join(folder, 'witness', 'epoch.json'),
          port,
          owner,
          String(options.leaseMs ?? 3_000),
          'a',
        ],
      ]);
      beside.push(witness);
      const page = await startBeside(folder, 'page', (port, owner) => [port, owner]);
      beside.push(page);
      for (const site of siteNames)
        configs.push(await declareSite(site, folder, vault, witness.port, say, options));
      const [a, b, drill] = configs as [SiteConfig, SiteConfig, SiteConfig];
      const writer: Login = { user: 'writer', password: newPassword() };
      await makeFirstSite(a, writer, options.documentMegabytes ?? 0, say);
      entrance = await Proxy.start(options.proxy, join(folder, 'entrance'), {
        slots: ['a', 'b', 'page'],
      });
      await entrance.traffic.apply([
        { name: 'a', address: `127.0.0.1:${a.ports.api}`, weight: 100 },
      ]);
      return new SiteSystem(
        folder,
        vault,
        entrance,
        writer,
        { a, b, drill },
        beside,
        `127.0.0.1:${page.port}`,
      );
    } catch (error) {
      await endAll(configs, beside, entrance);
      throw error;
    }
  }

  get url(): string {
    return this.entrance.url;
  }

  config(site: SiteName): SiteConfig {
    return this.configs[site];
  }

  /** Address of a site's API, past the entrance. */
  apiUrl(site: SiteName): string {
    return `http://127.0.0.1:${this.configs[site].ports.api}`;
  }

  /** Address of a site's database, password included; while the site's secrets are there. */
  databaseUrl(site: SiteName, as: 'web' | 'site' = superuser): string {
    return databaseUrl(this.configs[site], as);
  }

  program(site: SiteName): string {
    return `${this.configs[site].folder}.program`;
  }

  witness(): Promise<WitnessState> {
    return askWitness(this.configs.a.witness ?? '');
  }

  /** As they stand in targets.yaml. */
  get targets(): Record<'from' | 'to' | 'drill' | 'entrance', SiteTarget> {
    const site = (name: SiteName): SiteTarget => ({
      kind: 'site',
      environment: 'example',
      isolated: this.configs[name].isolated,
      facts: { program: this.program(name), site: name },
    });
    return {
      from: site('a'),
      to: site('b'),
      drill: site('drill'),
      entrance: {
        kind: 'web-service',
        environment: 'example',
        isolated: false,
        http: { address: this.url },
        facts: {
          ...this.entrance.facts,
          'server.a': `127.0.0.1:${this.configs.a.ports.api}`,
          'server.b': `127.0.0.1:${this.configs.b.ports.api}`,
          'server.page': this.pageAddress,
        },
      },
    };
  }

  /** A verb of a site's program. */
  async run(site: SiteName, verb: string, ...args: string[]): Promise<VerbResult> {
    const { exitCode, stdout, stderr } = await execa(this.program(site), [verb, ...args], {
      reject: false,
      stdin: 'ignore',
    });
    return {
      exitCode: exitCode ?? 2,
      json: stdout === '' ? null : (JSON.parse(stdout) as Record<string, unknown>),
      problem: stderr,
    };
  }

  /** Users that write all the time, through the entrance unless an address is given. */
  startWriter(options: { journal: string; url?: string; rate?: number; clients?: number }): Writer {
    return Writer.start({ url: this.url, ...options, login: this.writer });
  }

  /**
   * Is every acknowledged write of a journal at this site?
   * @param failedAt milliseconds since 1970
   */
  compare(journal: string, site: SiteName, failedAt?: number): Promise<Comparison> {
    return compare(journal, this.configs[site], failedAt);
  }

  /**
   * The disaster: kill -9 of everything at the site, and its folder is gone.
   * @returns when it was, as milliseconds since 1970
   */
  async destroySite(site: SiteName): Promise<number> {
    const at = Date.now();
    await wipe(this.configs[site]);
    return at;
  }

  /** Everything of the site stands still, as if nobody could reach it. */
  pauseSite(site: SiteName): void {
    stopAll(this.configs[site]);
  }

  resumeSite(site: SiteName): void {
    signalAll(processesOf(this.configs[site]), 'SIGCONT');
  }

  /** Kills the processes of a site and leaves its folder: power is gone, and may come back. */
  async cutPower(site: SiteName): Promise<void> {
    await killSite(this.configs[site]);
  }

  stop(): Promise<void> {
    return endAll(Object.values(this.configs), this.beside, this.entrance);
  }
}

function makeVault(folder: string): string {
  const vault = join(folder, 'vault');
  const places = vaultPlaces(vault);
  for (const each of [places.base, places.wal, places.files, places.config])
    mkdirSync(each, { recursive: true });
  for (const each of [places.base, places.wal]) handOver(each);
  writeDurably(places.writer, 'a 1\n');
  mkdirSync(join(folder, 'escrow'), { recursive: true, mode: 0o700 });
  writeDurably(keyFile(folder), `${randomBytes(32).toString('hex')}\n`, 0o600);
  return vault;
}

function keyFile(folder: string): string {
  return join(folder, 'escrow', 'secrets.key');
}

async function startBeside(
  folder: string,
  name: string,
  args: (port: string, owner: string) => string[],
): Promise<Instance> {
  const place = join(folder, name);
  mkdirSync(place, { recursive: true });
  const port = await freePort();
  return startDetached({
    name,
    program: process.execPath,
    args: [compiledProgram(`sites/${name}`), ...args(String(port), nameOf(process.pid))],
    file: join(place, 'process.json'),
    log: join(place, `${name}.log`),
    ready: `${name} ready`,
    port,
  });
}

async function declareSite(
  site: SiteName,
  folder: string,
  vault: string,
  witnessPort: number,
  say: (line: string) => void,
  options: SiteSystemOptions,
): Promise<SiteConfig> {
  const programs = serverFolder(await findPostgres(cacheFolder(), say));
  const isolated = site === 'drill';
  const config: SiteConfig = {
    site,
    isolated,
    folder: join(folder, 'sites', site),
    vault,
    releases: join(folder, 'releases'),
    witness: isolated ? null : `http://127.0.0.1:${witnessPort}`,
    keyFile: keyFile(folder),
    programs: await reachablePrograms(programs, serverAccount(), say),
    ports: {
      database: await freePort(),
      api: await freePort(),
      worker: await freePort(),
      frontend: await freePort(),
    },
    owner: nameOf(process.pid),
    leaseMs: options.leaseMs ?? 3_000,
    archiveTimeoutSeconds: options.archiveTimeoutSeconds ?? 2,
    maxAgeSeconds: options.maxAgeSeconds ?? 86_400,
    backupEverySeconds: isolated ? 0 : (options.backupEverySeconds ?? 0),
  };
  mkdirSync(dirname(config.folder), { recursive: true });
  writeJson(configFileOf(config), config);
  const program = `${config.folder}.program`;
  const words = [process.execPath, compiledProgram('sites/program'), configFileOf(config)].map(
    (word) => `'${word.replaceAll("'", `'\\''`)}'`,
  );
  writeFileSync(program, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  chmodSync(program, 0o755);
  return config;
}

async function endAll(
  configs: readonly SiteConfig[],
  beside: readonly Instance[],
  entrance: Proxy | undefined,
): Promise<void> {
  await entrance?.stop();
  await Promise.all(configs.map((config) => killSite(config)));
  await Promise.all(beside.map((each) => end(each, 'SIGTERM', 2_000)));
}
