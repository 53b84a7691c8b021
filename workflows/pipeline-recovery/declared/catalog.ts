import type { SqlStatement } from '../../../language/kinds/sql.js';
import { quotedTable } from '../../../language/sql-name.js';
import type { Place, Right } from './places.js';

/** A column as the database has it. */
export type FoundColumn = {
  name: string;
  type: string;
  /** PostgreSQL's letter: N number, S text, D time and so on. */
  category: string;
  nullable: boolean;
  /** Its value is computed: no row can be written with it. */
  generated: boolean;
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
};

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
                          'generated', a.attgenerated <> '') ORDER BY a.attnum)
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
