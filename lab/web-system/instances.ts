import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readJson, writeJson } from '../../embedded/files.js';
import { livesStill, nameOf } from './app/owner.js';
import { readManifest } from './releases.js';

/*
 * Instances of the application: processes of their own that outlive whoever started them, known by
 * a file each. They end when the system that they belong to has ended.
 */

/** What belongs to one system, all in one folder. */
export interface SystemFolder {
  folder: string;
  /** Below it, the artefacts. */
  releases: string;
  /** Of a copy of the database, instead of its own. */
  databaseUrl?: string;
}

export interface SystemFile {
  /** The process that holds the system, as PID:START; all others end after it. */
  owner: string;
}

export interface Instance {
  name: string;
  version: string;
  port: number;
  /** PID:START */
  process: string;
  pid: number;
}

export function systemFolder(folder: string): SystemFolder {
  return { folder, releases: join(folder, 'releases') };
}

/**
 * Makes a folder that instances can be started in.
 * @param databaseUrl password included; kept in a file for its owner only
 */
export function makeSystemFolder(
  folder: string,
  databaseUrl: string,
  owner: number = process.pid,
): SystemFolder {
  for (const below of ['instances', 'logs', 'releases'])
    mkdirSync(join(folder, below), { recursive: true });
  writeFileSync(join(folder, 'database-url'), databaseUrl, { mode: 0o600 });
  writeJson(join(folder, 'system.json'), { owner: nameOf(owner) } satisfies SystemFile);
  return systemFolder(folder);
}

/** The environment of the artefacts' programs. */
export function programEnv(system: SystemFolder): Record<string, string> {
  return {
    WEB_DATABASE_URL:
      system.databaseUrl ?? readFileSync(join(system.folder, 'database-url'), 'utf8'),
  };
}

export function instancesOf(system: SystemFolder): Instance[] {
  return readdirSync(join(system.folder, 'instances'))
    .filter((file) => file.endsWith('.json'))
    .map((file) => readJson<Instance>(join(system.folder, 'instances', file)))
    .filter((instance) => instance !== undefined);
}

/** The instance of this name, while its process lives. */
export function runningInstance(system: SystemFolder, name: string): Instance | undefined {
  const instance = readJson<Instance>(fileOf(system, name));
  return instance && livesStill(instance.process) ? instance : undefined;
}

export interface InstanceOptions {
  /** Of its place, such as `green`. */
  name: string;
  /** Of an artefact of the system. */
  version: string;
  port: number;
  /** Which of the artefact's programs; the server unless said otherwise. */
  program?: 'server' | 'worker' | 'frontend';
  /** More settings for it. */
  env?: Readonly<Record<string, string>>;
}

/**
 * Starts an instance and waits until it listens; one that runs already is left alone.
 * @throws Error when it ends before it listens, with what it said; or when another version runs
 *   under this name
 */
export async function startInstance(
  system: SystemFolder,
  { name, version, port, program = 'server', env = {} }: InstanceOptions,
): Promise<Instance> {
  const there = runningInstance(system, name);
  if (there) {
    if (there.version === version && there.port === port) return there;
    throw new Error(`${name} runs version ${there.version} on port ${there.port}: stop it first`);
  }
  const artefact = join(system.releases, version);
  if (!existsSync(artefact))
    throw new Error(`there is no artefact ${version} in ${system.releases}`);
  const { owner } = readJson<SystemFile>(join(system.folder, 'system.json')) ?? {};
  const log = join(system.folder, 'logs', `${name}.log`);
  const output = openSync(log, 'w');
  const child = spawn(
    process.execPath,
    [join(artefact, readManifest(artefact).programs[program])],
    {
      detached: true,
      stdio: ['ignore', output, output],
      env: {
        ...process.env,
        ...programEnv(system),
        WEB_PORT: String(port),
        WEB_INSTANCE: name,
        ...env,
        ...(owner === undefined ? {} : { WEB_OWNER: owner }),
      },
    },
  );
  closeSync(output);
  child.unref();
  const pid = child.pid ?? -1;
  const instance: Instance = { name, version, port, pid, process: nameOf(pid) };
  writeJson(fileOf(system, name), instance);
  const end = Date.now() + 20_000;
  for (;;) {
    const said = readFileSync(log, 'utf8');
    if (said.includes('web ready ')) return instance;
    if (!livesStill(instance.process))
      throw new Error(
        `${name} (${version}) ended at its start: ${said.trim() || 'it said nothing'}`,
      );
    if (Date.now() > end)
      throw new Error(`${name} (${version}) did not listen within 20 s: ${said.trim()}`);
    await delay(25);
  }
}

/**
 * Stops an instance: TERM, and KILL when it has not ended after the grace.
 * @param graceMs milliseconds
 * @returns how it ended; `gone` when it did not run
 */
export async function stopInstance(
  system: SystemFolder,
  name: string,
  graceMs = 15_000,
): Promise<'gone' | 'stopped' | 'killed'> {
  const instance = runningInstance(system, name);
  if (!instance) {
    rmSync(fileOf(system, name), { force: true });
    return 'gone';
  }
  signal(instance.pid, 'SIGTERM');
  const killAt = Date.now() + graceMs;
  let killed = false;
  while (livesStill(instance.process)) {
    if (Date.now() > killAt) {
      signal(instance.pid, 'SIGKILL');
      killed = true;
    }
    await delay(20);
  }
  rmSync(fileOf(system, name), { force: true });
  return killed ? 'killed' : 'stopped';
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended in between.
  }
}

function fileOf(system: SystemFolder, name: string): string {
  return join(system.folder, 'instances', `${name}.json`);
}
