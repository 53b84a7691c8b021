import type pg from 'pg';
import type { JsonObject, Json } from '../language/json.js';
import type { SqlQuery } from '../language/kinds/sql.js';

/* Rows of a query a page at a time, however many there are. A connection has one cursor. */

const fetchPage = 'FETCH FORWARD 5000 FROM runbook_read';

/**
 * Opens the cursor in the open transaction. The server takes a query here and nothing else: no
 * statement that changes something, and no second one behind it.
 */
export async function openCursor(
  client: pg.Client,
  { text, values = [] }: SqlQuery,
): Promise<void> {
  await client.query({
    text: `DECLARE runbook_read NO SCROLL CURSOR FOR ${text}`,
    values: [...values],
    ...{ queryMode: 'extended' },
  });
}

/** The next rows with their columns; none behind the last one. */
export function nextRows(client: pg.Client): Promise<pg.QueryResult<JsonObject>> {
  return client.query<JsonObject>(fetchPage);
}

/** The same as lists of values. */
export async function nextLists(client: pg.Client): Promise<Json[][]> {
  const { rows } = await client.query<Json[]>({ text: fetchPage, rowMode: 'array' });
  return rows;
}
