import { homePaths, runbookHome } from './home.js';
import { readJson } from './files.js';
import { isAlive, type ProcessId } from './process.js';

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
