import type { SqlRead, SqlStatement } from '../../../language/kinds/sql.js';
import type { CheckpointQuery, Pipeline } from '../../../language/pipeline.js';
import { quotedTable } from '../../../language/sql-name.js';
import { calledClaims, queried } from '../queries/claims.js';
import { by, Parameters, questionOf, type Question } from '../queries/parts.js';
import { queriedPlace, type Place, type Right } from './places.js';

/** A column as the database has it. */
export type FoundColumn = {
  name: string;
  type: string;
  /** PostgreSQL's letter: N number, S text, D time and so on. */
  category: string;
  nullable: boolean;
  /** Its value is computed: no row can be written with it. */
  generated: boolean;
  /** Values that differ may be equal to it, as in a collation that ignores case. */
  folds?: boolean;
};

/** A declared table as the database has it. */
export type FoundTable = {
  what: string;
  exists: boolean;
  /** It is a table that rows can be moved out of. */
  is_table: boolean;
  columns: FoundColumn[];
  rights: Right[];
  /** Who asks. */
  asking: string;
  /** Tables that lose rows when this one does. */
  cascades: string[];
  /** Rules of the table hide rows from who asks. */
  hides: boolean;
  /** Names of tables in the same schema. */
  others: string[];
  /** Of a query: the stages of which it tells something; null where they are not known. */
  stages?: string[] | null;
};

/**
 * What each database is asked about the declared tables; a declared query is run, too. Each answers
 * `tables`.
 */
export function questionsAbout({ data }: Pipeline, places: readonly Place[]): Question[] {
  const { checkpoints } = data;
  const tables = places.filter(({ table }) => table.length > 0);
  const connections = [...new Set(tables.map(({ connection }) => connection))];
  return [
    ...connections.map((connection) =>
      questionOf(
        connection,
        [],
        catalogueOf(tables.filter((each) => each.connection === connection)),
      ),
    ),
    ...(checkpoints?.query === undefined ? [] : [whatIsTold(checkpoints)]),
  ];
}

/** So many rows of a query are looked at. */
const mostLooked = 1_000;

/** Runs the query, and describes what it returns as if it were a table. */
function whatIsTold(checkpoints: CheckpointQuery): Question {
  const { connection, stage } = checkpoints;
  const text = `SELECT * FROM ${queried(checkpoints)} LIMIT ${mostLooked}`;
  const read: SqlRead = { rows: { called: calledClaims, ...by(connection), text } };
  const parameters = new Parameters([read]);
  const told = parameters.answerOf(read);
  const names = `SELECT DISTINCT r ->> ${parameters.of(stage, 'text')}
                    FROM jsonb_array_elements(${told} -> 'rows') r`;
  const statement = {
    as: 'tables',
    text: `
SELECT ${parameters.of(queriedPlace, 'text')} AS what, true AS exists, false AS is_table,
       current_user::text AS asking, ${told} -> 'columns' AS columns,
       ARRAY['SELECT'] AS rights, ARRAY[]::text[] AS cascades, false AS hides,
       ARRAY[]::text[] AS others,
       CASE WHEN jsonb_array_length(${told} -> 'rows') < ${mostLooked}
            THEN ARRAY(${names}) END AS stages`,
    values: parameters.values,
  };
  return questionOf(connection, [read], statement);
}

/** What the database has of the declared tables. Reads its catalogue only. */
export function catalogueOf(places: readonly Place[]): SqlStatement {
  const asked = places.map(({ what, table }) => ({
    what,
    name: quotedTable(table),
    schema: table.length > 1 ? table[0] : null,
  }));
  return {
    as: 'tables',
    values: [JSON.stringify(asked)],
    text: `
SELECT p.what, c.oid IS NOT NULL AS exists,
       coalesce(c.relkind IN ('r', 'p'), false) AS is_table, current_user::text AS asking,
       coalesce((SELECT json_agg(json_build_object(
                          'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
                          'category', t.typcategory, 'nullable', NOT a.attnotnull,
                          'generated', a.attgenerated <> '',
                          'folds', EXISTS (SELECT 1 FROM pg_collation o
                                            WHERE o.oid = a.attcollation
                                              AND NOT o.collisdeterministic)) ORDER BY a.attnum)
                   FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
                '[]') AS columns,
       ARRAY(SELECT r FROM unnest(ARRAY['SELECT', 'INSERT', 'DELETE']) r
              WHERE has_table_privilege(c.oid, r)) AS rights,
       ARRAY(SELECT k.conrelid::regclass::text FROM pg_constraint k
              WHERE k.confrelid = c.oid AND k.contype = 'f'
                AND k.confdeltype IN ('c', 'n', 'd')) AS cascades,
       coalesce(row_security_active(c.oid), false) AS hides,
       CASE WHEN c.oid IS NULL THEN ARRAY(
             SELECT o.relname::text FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
              WHERE o.relkind IN ('r', 'p', 'v', 'm', 'f')
                AND (n.nspname = p.schema
                     OR (p.schema IS NULL AND pg_table_is_visible(o.oid)
                         AND n.nspname NOT IN ('pg_catalog', 'information_schema')))
              ORDER BY 1 LIMIT 500) ELSE '{}' END AS others
  FROM jsonb_to_recordset($1::jsonb) AS p(what text, name text, schema text)
  LEFT JOIN pg_class c ON c.oid = to_regclass(p.name)`,
  };
}
