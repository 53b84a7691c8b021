import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { Json } from '../language/json.js';
import { StepFailure } from './failure.js';

/*
 * How the outcome of a transaction is proved when the answer to COMMIT is lost: its id is kept
 * before COMMIT, and the server is asked for its status later. No table of ours is in the target.
 * On the record's own database the transaction writes its claim itself: then the claim is the
 * proof.
 */

/** Kept before COMMIT. */
export interface SqlEvidence {
  /** Set when the transaction itself wrote the claim: if the evidence exists, it is committed. */
  together?: true;
  /**
   * Identity of the server's data and its timeline: after a fail-over or a restore the id is
   * another transaction's.
   */
  system: string | null;
  /** Transaction id, 64 bits, as text; null when the transaction wrote nothing. */
  xid: string | null;
  /** What the step hands on if the transaction turns out to be committed. */
  output: Json;
}

/** PostgreSQL cuts longer names by itself, and two steps could then share one. */
const maxNameBytes = 63;
/** How long a session of the previous worker may take to end, in milliseconds. */
const endBackendMs = 10_000;

/** The session's name in the server: identifies its step, and finds it again. */
export function sessionName(key: string): string {
  const name = `runbook/${key}`;
  if (Buffer.byteLength(name) <= maxNameBytes && !/[^ -~]/.test(name)) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${name.replaceAll(/[^ -~]/g, '?').slice(0, maxNameBytes - digest.length - 1)}#${digest}`;
}

/** Identity of the server's data and its timeline; null where the server does not report it. */
export async function systemOf(client: pg.Client): Promise<string | null> {
  const answer = await client
    .query<{ system: string }>(
      `SELECT system_identifier || '/' ||
              left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS system
       FROM pg_control_system()`,
    )
    .catch(() => undefined);
  return answer?.rows[0]?.system ?? null;
}

/** The id of the open transaction, if it has written. */
export async function transactionOf(client: pg.Client): Promise<string | null> {
  const { rows } = await client.query<{ xid: string | null }>(
    'SELECT pg_current_xact_id_if_assigned()::text AS xid',
  );
  return rows[0]?.xid ?? null;
}

/**
 * Flushes the server's log up to the open transaction. After a crash the server reuses an id that
 * is not on disk, and would report the status of another transaction.
 * @param newConnection makes a second connection; needed before PostgreSQL 17
 * @returns false when the server refuses to flush: then the id proves nothing
 */
export async function keepTransactionId(
  client: pg.Client,
  newConnection: () => Promise<pg.Client>,
): Promise<boolean> {
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::integer AS version`,
  );
  return (rows[0]?.version ?? 0) >= 170_000
    ? flushHere(client)
    : flushBeside(await newConnection());
}

async function flushHere(client: pg.Client): Promise<boolean> {
  await client.query('SAVEPOINT runbook_log');
  try {
    await client.query(`SELECT pg_logical_emit_message(false, 'runbook', '', true)`);
    await client.query('RELEASE SAVEPOINT runbook_log');
    return true;
  } catch (error) {
    if (!wasRefused(error)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT runbook_log');
    return false;
  }
}

/** A commit flushes the log up to itself, including what others wrote before. */
async function flushBeside(client: pg.Client): Promise<boolean> {
  try {
    await client.query('BEGIN');
    await client.query('SET LOCAL synchronous_commit = local');
    await client.query(`SELECT pg_logical_emit_message(true, 'runbook', '')`);
    await client.query('COMMIT');
    return true;
  } catch (error) {
    if (!wasRefused(error)) throw error;
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Did the server itself refuse, as opposed to a broken connection? */
export function wasRefused(error: unknown): boolean {
  const { code = '' } = (error ?? {}) as { code?: string };
  return /^[0-9A-Z]{5}$/.test(code) && !/^(08|57P)/.test(code);
}

/**
 * Ends the previous worker's session of the same name, so that it neither holds locks nor commits.
 */
export async function endSessionBefore(client: pg.Client, name: string): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(pid, $2) FROM pg_stat_activity
      WHERE application_name = $1 AND pid <> pg_backend_pid() AND datname = current_database() AND usename = current_user`,
    [name, endBackendMs],
  );
}

/**
 * Finds the outcome of a previous worker's transaction.
 * @returns its output when it is committed; undefined when it is not, and may be repeated
 * @throws StepFailure OutcomeUnknown when the server cannot tell
 */
export async function provedOutput(client: pg.Client, kept: Json): Promise<Json | undefined> {
  if (kept === null) return undefined;
  const { together, system, xid, output } = kept as unknown as SqlEvidence;
  if (together) return output;
  // Nothing was written: repeating is safe.
  if (xid === null) return undefined;
  if (system === null || system !== (await systemOf(client))) {
    throw unknown(
      'the database is not the one that the transaction ran in, or does not report its identity',
    );
  }
  const { rows } = await client
    .query<{ status: string | null }>('SELECT pg_xact_status($1::text::xid8) AS status', [xid])
    .catch((error: unknown) => {
      // An id from the future: the data were restored to an earlier time.
      if ((error as { code?: string }).code === '22023') return { rows: [{ status: null }] };
      throw error;
    });
  switch (rows[0]?.status) {
    case 'committed':
      return output;
    case 'aborted':
      return undefined;
    case 'in progress':
      throw new StepFailure(
        'SqlTransient',
        `transaction ${xid} of the previous worker has not ended yet`,
      );
    default:
      throw unknown(`the server no longer knows transaction ${xid}`);
  }
}

function unknown(why: string): StepFailure {
  return new StepFailure('OutcomeUnknown', `the worker died around COMMIT, and ${why}`, {
    next:
      'Look into the database for what the step ' +
      'writes; then retry it, skip it, or mark it done.',
  });
}
