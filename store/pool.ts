import pg from 'pg';

/** Longer than a restarting server on the same host needs to refuse or accept. */
const connectTimeoutMs = 5_000;
/** Milliseconds a statement may take on the server; no statement of the record needs one second. */
const statementTimeoutMs = 30_000;
/**
 * Milliseconds that a transaction may be idle between two statements. A worker that is cut off then
 * keeps its locks for this long, and the worker that takes its steps over waits for them.
 */
const idleTransactionMs = 3_000;
/** Milliseconds after which the client gives up on a silent server. */
const silenceMs = 40_000;

export interface PoolOptions {
  /** Shown in pg_stat_activity. */
  applicationName?: string;
  /** Connections at most. */
  max?: number;
  /** Milliseconds to reach the server; 5,000 unless said. */
  connectTimeoutMs?: number;
}

/**
 * Connections to the record. Never throws and never crashes the process when a connection dies,
 * idle or in use: the next query makes a new one, or fails and says so.
 * @param url PostgreSQL address, `postgres://user@host:port/database`
 */
export function openPool(url: string, options: PoolOptions = {}): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: (options.applicationName ?? 'runbook').slice(0, 63),
    max: options.max ?? 5,
    connectionTimeoutMillis: options.connectTimeoutMs ?? connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: idleTransactionMs,
    query_timeout: silenceMs,
    keepAlive: true,
    // A CLI command that is done must not wait for idle connections.
    allowExitOnIdle: true,
  });
  pool.on('error', () => undefined);
  // The pool listens to idle connections only; one that breaks between two statements of a
  // transaction would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
