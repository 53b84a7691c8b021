import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { readJson, writeJson } from '../../../embedded/files.js';
import { portIsFree } from '../../../embedded/ports.js';
import { startOf } from '../app/owner.js';
import { instancesOf, runningInstance, systemFolder } from '../instances.js';
import { compiledProgram } from '../programs.js';
import { backupIds, readBackup } from './backup-file.js';
import { handOver, makeWalRun, mustBeReachable } from './database.js';
import { judgeFiles } from './file-vault.js';
import { placesOf, Refused, type SiteConfig } from './site-config.js';
import { signalAll, withDescendants } from './processes.js';
import { askWitness } from './witness-client.js';

/** `place.json`: who prepared this place, and when. */
interface Place {
  run: string | null;
  at: string;
}

/** The data are there twice for a moment, and WAL comes to them. */
const roomFactor = 2;
const roomBeside = 256 * 2 ** 20;

/**
 * Makes an empty place for a site, with room for what is to be restored there.
 * @param run whose place it is; null: nobody's
 * @throws Refused when there is something already, another run's, too little room, or a port is
 *   taken
 */
export async function provision(
  config: SiteConfig,
  run: string | null,
): Promise<{ folder: string; freeBytes: number; neededBytes: number; ports: SiteConfig['ports'] }> {
  const { folder, ports } = config;
  const places = placesOf(config);
  const parent = dirname(folder);
  if (existsSync(folder)) mustBeOf(config, run);
  mkdirSync(parent, { recursive: true });
  mustBeReachable(parent);
  const { bavail, bsize } = await statfs(parent);
  const freeBytes = bavail * bsize;
  const largest = Math.max(
    0,
    ...backupIds(config.vault).map((id) => readBackup(config.vault, id)?.bytes ?? 0),
  );
  const neededBytes = roomFactor * largest + judgeFiles(config.vault).bytes + roomBeside;
  if (freeBytes < neededBytes)
    throw new Refused(
      `there are ${freeBytes} bytes free at ${parent}, and ${neededBytes} are needed`,
    );
  for (const [name, port] of Object.entries(ports))
    if (!runningInstance(systemFolder(folder), name) && !(await portIsFree(port)))
      throw new Refused(`port ${port}, for ${name}, is taken by somebody else`);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(places.place))
    writeJson(places.place, { run, at: new Date().toISOString() } satisfies Place);
  for (const each of [
    places.database,
    places.files,
    places.config,
    places.instances,
    places.logs,
    places.bin,
    places.run,
  ])
    mkdirSync(each, { recursive: true });
  mkdirSync(places.secrets, { recursive: true, mode: 0o700 });
  handOver(places.database);
  makeWalRun(config);
  for (const script of ['archive-wal.sh', 'restore-wal.sh'])
    copyFileSync(join(dirname(compiledProgram('sites/program')), script), join(places.bin, script));
  return { folder, freeBytes, neededBytes, ports };
}

/** @throws Refused when the place is not prepared, or by another run */
export function mustBeOf(config: SiteConfig, run: string | null): void {
  const { folder } = config;
  const place = readJson<Place>(placesOf(config).place);
  if (!place) {
    if (existsSync(folder) && readdirSync(folder).length === 0) return;
    throw new Refused(
      existsSync(folder)
        ? `${folder} is not empty, and nobody prepared it`
        : `${folder} is not prepared: provision it first`,
    );
  }
  if (place.run !== run)
    throw new Refused(
      `${folder} was prepared by ${place.run ?? 'no run'} at ${place.at}, not by ` +
        `${run ?? 'nobody in particular'}`,
    );
}

/** All processes of the site, and what descends from them. */
export function processesOf({ folder }: SiteConfig): number[] {
  if (!existsSync(placesOf({ folder }).instances)) return [];
  const system = systemFolder(folder);
  const running = instancesOf(system).flatMap(
    ({ name }) => runningInstance(system, name)?.pid ?? [],
  );
  return withDescendants(running);
}

/**
 * Ends all of the site and removes its folder.
 * @returns false when there was nothing
 * @throws Refused while the site holds the epoch, or the witness cannot be asked
 */
export async function teardown(config: SiteConfig): Promise<boolean> {
  const { folder, witness, isolated, site } = config;
  if (!existsSync(folder)) return false;
  if (!isolated && witness !== null) {
    const state = await askWitness(witness).catch(() => undefined);
    if (!state)
      throw new Refused(
        'the witness cannot be asked whether this site holds the epoch: nothing is removed',
      );
    if (state.site === site)
      throw new Refused(`site ${site} holds epoch ${state.epoch}: it is not removed`);
  }
  await wipe(config);
  return true;
}

/** Kills all of the site and removes its folder, whatever it is just doing. */
export async function wipe(config: SiteConfig): Promise<void> {
  await killSite(config);
  rmSync(config.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

/** Kills all of the site; its folder stays. */
export async function killSite(config: SiteConfig): Promise<void> {
  const memory = sharedMemoryOf(config);
  const pids = stopAll(config);
  signalAll(pids, 'SIGKILL');
  while (pids.some((pid) => startOf(pid) !== undefined)) await delay(10);
  // PostgreSQL's last segment of shared memory outlives a kill.
  if (memory !== undefined) await execa('ipcrm', ['-m', memory], { reject: false });
}

/**
 * SIGSTOP for all of the site. Whoever was just starting something is stopped first, so that in the
 * end nobody is left out.
 * @returns the processes
 */
export function stopAll(config: SiteConfig): number[] {
  let stopped: number[] = [];
  for (
    let found = processesOf(config);
    found.some((pid) => !stopped.includes(pid));
    found = processesOf(config)
  ) {
    signalAll(found, 'SIGSTOP');
    stopped = found;
  }
  return stopped;
}

/** Number of the segment of shared memory that PostgreSQL of this site holds. */
function sharedMemoryOf(config: SiteConfig): string | undefined {
  const file = join(placesOf(config).data, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  return readFileSync(file, 'utf8').split('\n')[6]?.trim().split(/\s+/)[1];
}

/** Bytes of all files below a folder, as far as they can be seen now. */
export function bytesBelow(folder: string): number {
  let sum = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    try {
      sum += statSync(join(entry.parentPath, entry.name)).size;
    } catch {
      // It was renamed in between.
    }
  }
  return sum;
}
