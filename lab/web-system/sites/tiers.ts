import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeJson } from '../../../embedded/files.js';
import type { ApplicationConfig } from '../app/site.js';
import {
  runningInstance,
  startInstance,
  stopInstance,
  systemFolder,
  type Instance,
  type SystemFolder,
} from '../instances.js';
import { compiledProgram } from '../programs.js';
import { databaseState, databaseUrl, startDatabase, stopDatabase } from './database.js';
import { end, startDetached } from './processes.js';
import { placesOf, Refused, tiers, type SiteConfig, type Tier } from './site-config.js';
import { askWitness } from './witness-client.js';

/*
 * The tiers of a site, each started and stopped by itself. The keeper belongs to the database.
 */

const programs = { api: 'server', worker: 'worker', frontend: 'frontend' } as const;

/** Programs of the artefacts know instances by this. */
export function systemOf(config: SiteConfig): SystemFolder {
  return { folder: config.folder, releases: config.releases, databaseUrl: databaseUrl(config) };
}

export function tierOf(text: string): Tier {
  const tier = tiers.find((each) => each === text);
  if (tier) return tier;
  throw new Refused(`${JSON.stringify(text)} is no tier: there are ${tiers.join(', ')}`);
}

/**
 * Starts a tier; one that runs is left alone.
 * @param version of the application; undefined: as the configuration says
 */
export async function startTier(
  config: SiteConfig,
  tier: Tier,
  version: string | undefined,
): Promise<object> {
  if (tier === 'database') return startDatabaseTier(config);
  const places = placesOf(config);
  const application = readJson<ApplicationConfig>(places.applicationConfig);
  if (!application) throw new Refused('the configuration is not there: restore it first');
  const release = version ?? application.release;
  const instance = await startInstance(systemOf(config), {
    name: tier,
    version: release,
    port: config.ports[tier],
    program: programs[tier],
    env: {
      WEB_SITE: config.site,
      WEB_INSTANCE: `${config.site}-${tier}`,
      WEB_CONFIG: places.applicationConfig,
      WEB_SESSION_SECRET: join(places.secrets, 'session-secret'),
      WEB_FILES: places.files,
      WEB_LEASE: places.lease,
      WEB_DRAINING: places.draining,
      WEB_OWNER: config.owner,
      ...(config.isolated ? {} : { WEB_VAULT: config.vault }),
    },
  });
  if (application.release !== release)
    writeJson(places.applicationConfig, { ...application, release });
  return { tier, pid: instance.pid, port: instance.port, version: release };
}

/** As a primary only where this site holds the epoch; whoever cannot know that starts a standby. */
async function startDatabaseTier(config: SiteConfig): Promise<object> {
  const state = await databaseState(config);
  if (state === 'absent') throw new Refused('there is no database here: restore one first');
  if (existsSync(placesOf(config).restoring))
    throw new Refused('a restore was broken off here: tell restore-database again');
  const holds = config.isolated || (await holdsEpoch(config));
  const server = await startDatabase(config, holds ? 'primary' : 'standby');
  await startKeeper(config);
  const role = await databaseState(config);
  return { tier: 'database', pid: server.pid, port: config.ports.database, version: null, role };
}

export async function holdsEpoch({ witness, site }: SiteConfig): Promise<boolean> {
  if (witness === null) return false;
  return askWitness(witness).then(
    (state) => state.site === site,
    () => false,
  );
}

/** @throws Error when it does not come up */
export async function startKeeper(config: SiteConfig): Promise<Instance> {
  const there = runningInstance(systemFolder(config.folder), 'keeper');
  if (there) return there;
  const { instances, logs } = placesOf(config);
  return startDetached({
    name: 'keeper',
    program: process.execPath,
    args: [compiledProgram('sites/keeper'), configFileOf(config)],
    file: join(instances, 'keeper.json'),
    log: join(logs, 'keeper.log'),
    ready: 'keeper ready',
  });
}

/** Where the program of a site finds what it knows; outside of the site. */
export function configFileOf(config: SiteConfig): string {
  return `${config.folder}.json`;
}

/** @returns the tiers that ran */
export async function stopTiers(config: SiteConfig, which: readonly Tier[]): Promise<Tier[]> {
  const stopped: Tier[] = [];
  for (const tier of [...tiers].reverse().filter((each) => which.includes(each))) {
    if (tier === 'database') {
      const keeper = runningInstance(systemFolder(config.folder), 'keeper');
      if (keeper) await end(keeper, 'SIGTERM', 2_000);
      if (await stopDatabase(config)) stopped.push(tier);
    } else if ((await stopInstance(systemFolder(config.folder), tier)) !== 'gone')
      stopped.push(tier);
  }
  return stopped;
}

/** @throws Refused with exit code 1 while it is not ready */
export async function readyTier(config: SiteConfig, tier: Tier): Promise<object> {
  if (tier === 'database') {
    const state = await databaseState(config);
    if (state === 'primary' || state === 'standby') return { ready: true, role: state };
    throw new Refused(`the database is ${state}`, 1);
  }
  const answer = await askTier(config, tier, '/ready').catch((error: unknown) => {
    throw new Refused(`${tier} does not answer: ${(error as Error).message}`, 1);
  });
  if (answer.status !== 200)
    throw new Refused(`${tier} says ${answer.status}: ${JSON.stringify(answer.json)}`, 1);
  return { ready: true, ...answer.json };
}

export async function askTier(
  config: SiteConfig,
  tier: Exclude<Tier, 'database'>,
  path: string,
  limitMs = 5_000,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const url = new URL(path, `http://127.0.0.1:${config.ports[tier]}`);
  const response = await fetch(url, { signal: AbortSignal.timeout(limitMs) });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

/** The secrets that the site's own checks log in with. */
export function probe(config: SiteConfig): { user: string; password: string } {
  return JSON.parse(readFileSync(join(placesOf(config).secrets, 'probe.json'), 'utf8')) as {
    user: string;
    password: string;
  };
}
