import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What a site's program knows of its site; kept outside of the site's folder, which can be lost.
 */
export interface SiteConfig {
  site: string;
  /** A drill's site: it never writes into the vault and knows no witness. */
  isolated: boolean;
  /** All of the site. */
  folder: string;
  vault: string;
  /** Artefacts of the application. */
  releases: string;
  /** Address of the witness; an isolated site has none. */
  witness: string | null;
  /** Holds the key that the secrets in the vault are encrypted with. */
  keyFile: string;
  /** Folder of PostgreSQL's programs. */
  programs: string;
  ports: Record<'database' | Tier, number>;
  /** All processes end when this one has ended: PID:START. */
  owner: string;
  leaseMs: number;
  /** Seconds after which a WAL segment is archived also when it is not full. */
  archiveTimeoutSeconds: number;
  /** Base backups that are older are not good; seconds. */
  maxAgeSeconds: number;
  /** How often a monitored site takes a base backup; 0: only when told. */
  backupEverySeconds: number;
}

export const tiers = ['database', 'api', 'worker', 'frontend'] as const;
export type Tier = (typeof tiers)[number];

/** Why a verb does not do what it was told, in words. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly exitCode: 1 | 2 = 2,
  ) {
    super(message);
  }
}

export function readSiteConfig(file: string): SiteConfig {
  return JSON.parse(readFileSync(file, 'utf8')) as SiteConfig;
}

/** Where things are at a site. */
export function placesOf({ folder }: Pick<SiteConfig, 'folder'>) {
  const database = join(folder, 'database');
  const data = join(database, 'data');
  const run = join(folder, 'run');
  return {
    /** Who prepared this place. */
    place: join(folder, 'place.json'),
    database,
    data,
    standbySignal: join(data, 'standby.signal'),
    /** Where recovery is to end; there is none once the database is a primary. */
    recovery: join(database, 'recovery.json'),
    restored: join(database, 'restored.json'),
    restoring: join(database, 'restoring.json'),
    files: join(folder, 'files'),
    config: join(folder, 'config'),
    applicationConfig: join(folder, 'config', 'application.json'),
    secrets: join(folder, 'secrets'),
    instances: join(folder, 'instances'),
    logs: join(folder, 'logs'),
    bin: join(folder, 'bin'),
    run,
    lease: join(run, 'lease.json'),
    draining: join(run, 'draining.json'),
    /** Of the WAL, what restore-wal.sh was asked for in vain; the database's account writes it. */
    walRun: join(run, 'wal'),
    health: join(run, 'health.json'),
    /** Read by the guard in the database. */
    databaseLease: join(data, 'site.lease'),
    databaseDrained: join(data, 'site.drained'),
  };
}

/** Where things are in the vault. */
export function vaultPlaces(vault: string) {
  return {
    base: join(vault, 'base'),
    wal: join(vault, 'wal'),
    files: join(vault, 'files'),
    manifest: join(vault, 'files', 'manifest.jsonl'),
    config: join(vault, 'config'),
    writer: join(vault, 'writer'),
    baseline: join(vault, 'baseline.json'),
  };
}
