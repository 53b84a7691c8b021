import type pg from 'pg';

type Connection = pg.Pool | pg.Client;

/**
 * Identifies a database by its data and the start time of its server, so that it differs from a
 * copy of the data and from a server that took over. undefined where the server does not report it.
 */
export function databaseIdentity(connection: Connection): Promise<string | undefined> {
  return ask(
    connection,
    `SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()), (SELECT oid FROM pg_database WHERE datname = current_database()),
            extract(epoch FROM pg_postmaster_start_time())) AS answer`,
  );
}

/** May this connection's user write claims, if the connection is to the record's database? */
export async function mayWriteClaims(client: pg.Client): Promise<boolean> {
  const answer = await ask(
    client,
    `SELECT (has_schema_privilege('runbook', 'USAGE') AND has_table_privilege('runbook.runs', 'SELECT')
             AND has_table_privilege('runbook.attempts', 'SELECT') AND has_table_privilege('runbook.attempts', 'UPDATE'))::text AS answer`,
  );
  return answer === 'true';
}

async function ask(connection: Connection, text: string): Promise<string | undefined> {
  try {
    return (await connection.query<{ answer: string }>(text)).rows[0]?.answer;
  } catch (error) {
    // Refused, as opposed to unreachable.
    if (/^(3F|42)/.test((error as { code?: string }).code ?? '')) return undefined;
    throw error;
  }
}
