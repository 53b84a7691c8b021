import { mkdirSync } from 'node:fs';
import { homePaths, runbookHome } from './home.js';
import { readJson, writeJson } from './files.js';
import { idOf, isAlive, type ProcessId } from './process.js';

/**
 * How to reach the `dev` that runs in a home; written once everything is up, removed when it stops.
 */
export interface DevConnection {
  address: string;
  namespace: string;
  taskQueue: string;
  uiUrl: string;
  /** Holds the password: the file is readable by its owner only. */
  databaseUrl: string;
  supervisor: ProcessId;
  startedAt: string;
}

/** The connection that `dev` left, and whether that `dev` still lives. */
export function readConnection(
  home: string = runbookHome(),
): { connection: DevConnection; alive: boolean } | undefined {
  const connection = readJson<DevConnection>(homePaths(home).connection);
  return connection && { connection, alive: isAlive(connection.supervisor) };
}

/**
 * Lets the command line find what this process keeps running, as it finds a `dev`. The caller
 * removes the file of the home's connection at its end.
 * @returns false when something runs in this home already: then it finds that
 */
export function announce(
  connection: Omit<DevConnection, 'supervisor' | 'startedAt'>,
  home: string = runbookHome(),
): boolean {
  if (readConnection(home)?.alive) return false;
  const paths = homePaths(home);
  mkdirSync(paths.dev, { recursive: true, mode: 0o755 });
  writeJson(paths.connection, {
    ...connection,
    supervisor: idOf(process.pid),
    startedAt: new Date().toISOString(),
  } satisfies DevConnection);
  return true;
}
