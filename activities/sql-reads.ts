import type pg from 'pg';
import type { Json, JsonObject } from '../language/json.js';
import { mostRead, type SqlAction, type SqlQuery, type SqlRead } from '../language/kinds/sql.js';
import { StepFailure } from './failure.js';
import type { AttemptContext } from './handler.js';
import { begin } from './sql-begin.js';
import { assertDistinctColumns } from './sql-columns.js';
import { cancelOnAbort, connect, reachedBy } from './sql-connect.js';
import { asStepFailure } from './sql-failure.js';
import { nextRows, openCursor } from './sql-cursor.js';
import { countedKeys, type Reading } from './sql-keys.js';
import { configure, settingsOf } from './sql-statements.js';

/*
 * What a step reads before its statements. A query may be an operator's own: it is one statement in
 * a READ ONLY transaction, and nothing of it is sent by another way.
 */

/**
 * The answers of the reads of an action, in their order.
 * @throws StepFailure
 */
export async function answersOfReads(action: SqlAction, context: AttemptContext): Promise<Json[]> {
  const { reads = [] } = action;
  if (reads.length > 0 && context.effect !== 'read')
    throw new StepFailure('Configuration', 'a step that changes something reads nothing before', {
      next: 'This is a fault of the runbook: report it to its owners.',
    });
  const answers: Json[] = [];
  for (const read of reads) answers.push(await answerOf(read, action, context));
  return answers;
}

function answerOf(read: SqlRead, action: SqlAction, context: AttemptContext): Promise<Json> {
  if ('rows' in read)
    return reading(read.rows, action, context, ({ client }) =>
      rowsOf(client, read.rows, read.once),
    );
  return allReading(Object.values(read.keys).flat(), action, context, (open) =>
    countedKeys(read.keys, open),
  );
}

/** One connection for each query, all of them open at once. */
function allReading<T>(
  queries: readonly SqlQuery[],
  action: SqlAction,
  context: AttemptContext,
  work: (open: ReadonlyMap<SqlQuery, Reading>) => Promise<T>,
  open: ReadonlyMap<SqlQuery, Reading> = new Map(),
): Promise<T> {
  const [first, ...others] = queries;
  if (!first) return work(open);
  return reading(first, action, context, (opened) =>
    allReading(others, action, context, work, new Map([...open, [first, opened]])),
  );
}

/** Works in a READ ONLY transaction on the connection of the query. @throws StepFailure */
async function reading<T>(
  query: SqlQuery,
  action: SqlAction,
  context: AttemptContext,
  work: (opened: Reading) => Promise<T>,
): Promise<T> {
  const { target: name, credentials } = action;
  const { connection } = query;
  const target = reachedBy(
    {
      target: name,
      ...(connection === undefined ? {} : { connection }),
      ...(credentials === undefined ? {} : { credentials }),
    },
    context,
  );
  const client = await connect(target, context);
  const failed = (error: unknown): StepFailure =>
    ofQuery(asStepFailure(error, target, context), query);
  const release = cancelOnAbort(target, context, client);
  try {
    if (context.signal.aborted) throw context.signal.reason;
    await client.query(begin.read['repeatable read']);
    await configure(client, settingsOf(action, context), true);
    return await work({ client, failed });
  } catch (error) {
    if (context.signal.aborted) throw context.signal.reason;
    throw failed(error);
  } finally {
    release();
    await client.end().catch(() => undefined);
  }
}

/** Says whose query it was that did not work. */
function ofQuery(failure: StepFailure, { called }: SqlQuery): StepFailure {
  if (called === undefined || failure.type !== 'SqlRejected') return failure;
  return new StepFailure('SqlRejected', `${called}: ${failure.message}`, {
    ...failure.extra,
    next: `Correct ${called}. It may only read.`,
  });
}

/** All rows of a query with its columns. @throws StepFailure AnswerUnusable */
async function rowsOf(client: pg.Client, query: SqlQuery, once: string | undefined): Promise<Json> {
  const { called = 'the query' } = query;
  await openCursor(client, query);
  const first = await nextRows(client);
  const { fields } = first;
  assertDistinctColumns(called, fields);
  const rows: JsonObject[] = [];
  for (let page = first.rows; page.length > 0; page = (await nextRows(client)).rows) {
    rows.push(...page);
    if (rows.length > mostRead)
      throw unusable(`${called} returns more than ${mostRead} rows`, 'Let it return fewer rows.');
  }
  if (once !== undefined) assertOnce(rows, once, called);
  return { columns: await columnsOf(client, fields), rows };
}

/** What the server calls the types of the columns. */
async function columnsOf(
  client: pg.Client,
  fields: readonly { name: string; dataTypeID: number }[],
): Promise<Json> {
  const { rows } = await client.query<JsonObject>(
    `SELECT f.name, format_type(t.oid, NULL) AS type, t.typcategory AS category,
            false AS nullable, false AS generated
       FROM unnest($1::text[], $2::oid[]) WITH ORDINALITY AS f (name, oid, nth)
       JOIN pg_type t ON t.oid = f.oid ORDER BY f.nth`,
    [fields.map(({ name }) => name), fields.map(({ dataTypeID }) => dataTypeID)],
  );
  return rows;
}

function assertOnce(rows: readonly JsonObject[], column: string, called: string): void {
  const seen = new Set<Json | undefined>();
  for (const { [column]: value } of rows) {
    if (value === null || value === undefined) continue;
    if (seen.has(value))
      throw unusable(
        `${called} returns two rows with ${JSON.stringify(value)} in column ${column}`,
        'Let it return one row for each.',
      );
    seen.add(value);
  }
}

function unusable(what: string, next: string): StepFailure {
  return new StepFailure('AnswerUnusable', what, { next });
}
