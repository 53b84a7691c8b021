import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findPostgres, findTemporal } from './binaries.js';
import { cacheFolder } from './home.js';
import { choosePort } from './ports.js';
import { startPostgres, type Postgres } from './postgres.js';
import { startTemporal, type Temporal } from './temporal.js';

/** As `runbook setup` registers them elsewhere. */
export const searchAttributeTypes = {
  RunbookState: 'Keyword',
  RunbookType: 'Keyword',
  RunbookPriority: 'Keyword',
  RunbookTarget: 'KeywordList',
  RunbookStep: 'Keyword',
  RunbookRequester: 'Keyword',
} as const;

/** Days that ended runs stay in Temporal's own history; the record keeps them for good. */
const retentionDays = 90;

export interface ServicesOptions {
  /** Folder for all data. */
  home: string;
  /** Wanted ports; others are chosen when they are taken, or when none is wanted. */
  ports?: { temporal?: number; ui?: number; postgres?: number };
  /** Databases to create; the first is the record's. */
  databases?: readonly string[];
  dynamicConfig?: readonly string[];
  /** What the servers print. */
  log?: (line: string) => void;
  /** What a person should know. */
  say?: (line: string) => void;
  /** How a port is chosen; tests put a taken one here. */
  pickPort?: (wanted: number | undefined) => Promise<number>;
}

export interface Services {
  address: string;
  namespace: string;
  uiUrl: string;
  /** Address of the record's database. */
  databaseUrl: string;
  database(name: string): string;
  temporal: Temporal;
  postgres: Postgres;
  /** Start a server again that has ended, with its data and on its ports. */
  again: { temporal: () => Promise<Temporal>; postgres: () => Promise<Postgres> };
  stop(): Promise<void>;
}

/** Where PostgreSQL's data should live. */
export function postgresFolder(home: string): string {
  return join(home, 'postgres');
}

/**
 * Starts Temporal and PostgreSQL side by side, each with data under `home`.
 * @throws EmbeddedError; then nothing is left running
 */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const { home, ports = {}, log, say, pickPort = choosePort } = options;
  const databases = options.databases ?? ['runbook'];
  await mkdir(home, { recursive: true });
  const cache = cacheFolder();
  const [program, programs] = [await findTemporal(cache, say), await findPostgres(cache, say)];
  const ofTemporal = {
    program,
    databaseFile: join(home, 'temporal', 'temporal.db'),
    searchAttributes: searchAttributeTypes,
    retentionDays,
    dynamicConfig: options.dynamicConfig ?? [],
    log: log && ((line: string) => log(`temporal  ${line}`)),
    say,
  };
  const ofPostgres = {
    programs,
    folder: postgresFolder(home),
    databases,
    log: log && ((line: string) => log(`postgres  ${line}`)),
    say,
  };
  const [temporal, postgres] = await Promise.allSettled([
    startTemporal({ ...ofTemporal, port: ports.temporal, uiPort: ports.ui, pickPort }),
    startPostgres({ ...ofPostgres, port: ports.postgres, pickPort }),
  ]);
  if (temporal.status === 'rejected' || postgres.status === 'rejected') {
    if (temporal.status === 'fulfilled') await temporal.value.stop();
    if (postgres.status === 'fulfilled') await postgres.value.stop();
    throw temporal.status === 'rejected'
      ? temporal.reason
      : (postgres as PromiseRejectedResult).reason;
  }
  return {
    address: temporal.value.address,
    namespace: temporal.value.namespace,
    uiUrl: temporal.value.uiUrl,
    databaseUrl: postgres.value.url(databases[0] ?? 'runbook'),
    database: (name) => postgres.value.url(name),
    temporal: temporal.value,
    postgres: postgres.value,
    again: {
      temporal: () => {
        const { port, uiPort } = temporal.value;
        return startTemporal({ ...ofTemporal, port, uiPort, isBack: true });
      },
      postgres: () => {
        const { port } = postgres.value;
        return startPostgres({ ...ofPostgres, port, isBack: true });
      },
    },
    // Temporal first: it is what writes most; PostgreSQL has everything on disk anyway.
    stop: async () => {
      await temporal.value.stop();
      await postgres.value.stop();
    },
  };
}
