import type pg from 'pg';
import { withCut } from '../language/cut.js';
import type { Json, JsonObject } from '../language/json.js';
import { mostRows, type SqlAction } from '../language/kinds/sql.js';
import type { AttemptContext } from './handler.js';
import { longestTimerMs } from './long-timer.js';
import { assertDistinctColumns } from './sql-columns.js';
import { statementText } from './sql-names.js';
import { sessionSettings } from './sql-values.js';

/* The statements of a step, and the session that runs them. */

const defaultStatementMs = 30_000;
const defaultLockMs = 5_000;

/** Applies settings to the session. @param isLocal until the end of the open transaction only */
export async function configure(
  client: pg.Client,
  settings: Readonly<Record<string, string>>,
  isLocal: boolean,
): Promise<void> {
  await client.query(
    'SELECT set_config(name, value, $3) ' +
      'FROM unnest($1::text[], $2::text[]) AS setting (name, value)',
    [Object.keys(settings), Object.values(settings), isLocal],
  );
}

/** The limits of the statements, and the form in which values come back. */
export function settingsOf(
  { statementTimeoutMs = defaultStatementMs, lockTimeoutMs = defaultLockMs }: SqlAction,
  { timeoutMs }: AttemptContext,
): Record<string, string> {
  return {
    ...sessionSettings,
    statement_timeout: limitedMs(statementTimeoutMs, timeoutMs),
    lock_timeout: limitedMs(lockTimeoutMs, timeoutMs),
  };
}

/** PostgreSQL's longest time is that of Node.js. */
function limitedMs(...limits: number[]): string {
  return String(Math.min(...limits, longestTimerMs));
}

/**
 * A value as the driver is given it. `{}` would be an empty list, and an empty object where JSON is
 * expected; with a form feed in it, it is a list only.
 */
function bound(value: Json): Json {
  return Array.isArray(value) && value.length === 0 ? '{\f}' : value;
}

/**
 * Does the statements in turn.
 * @param reads what was read before: their first parameters
 */
export async function answersOf(
  client: pg.Client,
  action: SqlAction,
  reads: readonly Json[] = [],
): Promise<JsonObject> {
  const output: JsonObject = {};
  const counts: number[] = [];
  /** Results with more rows than fit the output: for people only. */
  const cut: string[] = [];
  // All of them before the first is sent.
  const texts = action.statements.map(({ text }) => statementText(text, action));
  const given = reads.map((answer) => JSON.stringify(answer));
  const isFilled = action.identifiers !== undefined || action.literals !== undefined;
  for (const [at, { values, as }] of action.statements.entries()) {
    const result = await client.query<JsonObject>({
      text: texts[at] ?? '',
      values: [...given, ...(values?.map(bound) ?? [])],
      // So the server takes one statement, and no second one behind it.
      ...(isFilled ? { queryMode: 'extended' } : {}),
    });
    counts.push(result.rowCount ?? 0);
    if (as === undefined) continue;
    assertDistinctColumns(as, result.fields);
    output[as] = result.rows.slice(0, mostRows);
    if (result.rows.length <= mostRows) continue;
    output[`${as}Truncated`] = result.rows.length;
    cut.push(as);
  }
  return withCut({ ...output, ...firstOf(action, output, counts), rowCounts: counts }, cut);
}

/** A step with one statement also answers its first row, and how many rows there were. */
function firstOf({ statements }: SqlAction, { rows }: JsonObject, [count]: number[]): JsonObject {
  if (statements.length !== 1 || !Array.isArray(rows)) return {};
  return { row: rows[0] ?? null, count: count ?? rows.length };
}
