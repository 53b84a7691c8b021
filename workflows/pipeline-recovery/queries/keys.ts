import type { SqlQuery, SqlRead } from '../../../language/kinds/sql.js';
import type { DeclaredTable, PipelineStage } from '../../../language/pipeline.js';
import { quotedTable } from '../../../language/sql-name.js';
import { comparableKey } from './key-forms.js';
import { by, inDataset, of, Parameters, type Asked } from './parts.js';

/*
 * Which keys are in which tables, whether the tables are in one database or not. Null is a value of
 * a key like any other, as it is where PostgreSQL groups rows.
 */

/** A table with keys. */
export interface KeyTable extends DeclaredTable {
  key: readonly string[];
  batch?: string | undefined;
  /** Only the rows of which this holds. */
  only?: (alias: string, parameters: Parameters) => string;
}

/** Tables whose keys are compared. */
export interface KeySets {
  /** What the keys are taken from; its first batch with the key is the key's batch. */
  origin: readonly KeyTable[];
  /** Where they should have arrived. */
  own: readonly KeyTable[];
  /** Where they are when they were left out on purpose. */
  accounted: readonly KeyTable[];
}

/** What can be asked of keys: of which set they are, in which they are too, and in which not. */
const choices = {
  /** They neither arrived nor were left out on purpose. */
  missing: { of: 'origin', in: [], notIn: ['own', 'accounted'] },
  /** Nothing says where they are from. */
  foreign: { of: 'own', in: [], notIn: ['origin'] },
  /** They arrived although they were left out. */
  leftOut: { of: 'own', in: ['origin', 'accounted'], notIn: [] },
  /** They have to arrive. */
  expected: { of: 'origin', in: [], notIn: ['accounted'] },
} as const satisfies Record<string, Choice>;

interface Choice {
  of: keyof KeySets;
  in: readonly (keyof KeySets)[];
  notIn: readonly (keyof KeySets)[];
}

/**
 * Keys that were left out on purpose: rejected for another reason than that they came twice, or set
 * aside.
 * @param stage that left them out; absent: any
 */
export function accountedFor({ data }: Asked, stage?: PipelineStage): KeyTable[] {
  const { rejects, setAside } = data;
  const tables: KeyTable[] = setAside ? [setAside] : [];
  if (!rejects) return tables;
  const { stage: leftOutBy, reason, repeated } = rejects;
  const only = (alias: string, parameters: Parameters): string => {
    const conditions: string[] = [];
    if (leftOutBy !== undefined && stage)
      conditions.push(`${of(alias, leftOutBy)} = ${parameters.of(stage.name)}`);
    if (reason !== undefined && repeated.length > 0) {
      const why = of(alias, reason);
      const list = parameters.of([...repeated], 'text[]');
      conditions.push(`(${why} IS NULL OR ${why}::text <> ALL (${list}))`);
    }
    return conditions.join(' AND ') || 'true';
  };
  return [{ ...rejects, only }, ...tables];
}

/** The keys of a stage, compared with those that it is made from. */
export function setsOf(asked: Asked, stage: PipelineStage, origin: KeyTable): KeySets {
  return { origin: [origin], own: [stage], accounted: accountedFor(asked, stage) };
}

/** What has to be read first; undefined where all of it is in the database of `home`. */
export function keysElsewhere(
  asked: Asked,
  sets: KeySets,
  home: string | undefined,
): SqlRead | undefined {
  const tables = Object.values(sets).flat() as KeyTable[];
  if (tables.every(({ connection }) => connection === home)) return undefined;
  const queries = (set: readonly KeyTable[]): SqlQuery[] =>
    set.map((table) => orderedKeys(asked, table));
  return {
    keys: {
      origin: queries(sets.origin),
      own: queries(sets.own),
      accounted: queries(sets.accounted),
    },
  };
}

/**
 * The keys that are asked for: SQL of rows `batch, keys`.
 * @param read what `keysElsewhere` wanted
 */
export function keysThatAre(
  which: keyof typeof choices,
  asked: Asked,
  sets: KeySets,
  read: SqlRead | undefined,
  parameters: Parameters,
): string {
  const choice: Choice = choices[which];
  if (read)
    return `SELECT k.batch, k.keys FROM jsonb_to_recordset(${parameters.answerOf(read)})
      AS k (origin boolean, own boolean, accounted boolean, batch bigint, keys bigint)
   WHERE ${isChosen(choice)}`;
  return `${wholeKeys(choice, asked, sets, parameters)}
   UNION ALL ${keysWithNull(choice, asked, sets, parameters)}`;
}

/** How many such keys there are: SQL. As `keysThatAre`. */
export function countOf(
  which: keyof typeof choices,
  asked: Asked,
  sets: KeySets,
  read: SqlRead | undefined,
  parameters: Parameters,
): string {
  const keys = keysThatAre(which, asked, sets, read, parameters);
  return `(SELECT coalesce(sum(k.keys), 0) FROM (${keys}) k)`;
}

function isChosen({ of: set, in: others, notIn }: Choice): string {
  return [
    ...[set, ...others].map((name) => `k.${name}`),
    ...notIn.map((name) => `NOT k.${name}`),
  ].join(' AND ');
}

/** Keys without null, by joins: PostgreSQL hashes them. */
function wholeKeys(
  { of: set, in: others, notIn }: Choice,
  asked: Asked,
  sets: KeySets,
  parameters: Parameters,
): string {
  const isIn = (name: keyof KeySets, table: KeyTable): string =>
    sets[name].map((other) => arrived(asked, table, other, parameters)).join(' OR ') || 'false';
  const selects = sets[set].map((table) => {
    const key = table.key.map((column) => of('x', column));
    const conditions = [
      ...key.map((column) => `${column} IS NOT NULL`),
      ...others.map((name) => `(${isIn(name, table)})`),
      ...notIn.flatMap((name) =>
        sets[name].map((other) => `NOT ${arrived(asked, table, other, parameters)}`),
      ),
    ];
    return `SELECT min(${batchOf(table)}) AS batch, 1::bigint AS keys
     ${rowsOf(asked, table, 'x', parameters)} AND ${conditions.join(' AND ')}
    GROUP BY ${key.join(', ')}`;
  });
  return selects.join('\n   UNION ALL ');
}

/** Whether the other table has the key of the row `x`. */
function arrived(asked: Asked, table: KeyTable, other: KeyTable, parameters: Parameters): string {
  const isSame = table.key.map(
    (column, at) => `${of('y', other.key[at] ?? column)} = ${of('x', column)}`,
  );
  return `EXISTS (SELECT 1 ${rowsOf(asked, other, 'y', parameters)} AND ${isSame.join(' AND ')})`;
}

/** Keys that hold null are equal to none: they are grouped. Commonly there are none. */
function keysWithNull(choice: Choice, asked: Asked, sets: KeySets, parameters: Parameters): string {
  const names = Object.keys(sets);
  const tables = Object.values(sets).flatMap((set: readonly KeyTable[], place) =>
    set.map((table) => {
      const key = table.key.map((column, at) => `${of('x', column)} AS k${at}`).join(', ');
      const isNull = table.key.map((column) => `${of('x', column)} IS NULL`).join(' OR ');
      return `SELECT ${place} AS place, ${key}, ${batchOf(table)} AS batch
     ${rowsOf(asked, table, 'x', parameters)} AND (${isNull})`;
    }),
  );
  const key = (sets.own[0]?.key ?? []).map((_, at) => `k${at}`).join(', ');
  const isIn = names.map((name, at) => `bool_or(e.place = ${at}) AS ${name}`).join(', ');
  return `SELECT k.batch, 1::bigint AS keys
     FROM (SELECT ${isIn}, min(e.batch) AS batch
             FROM (${tables.join('\n     UNION ALL ')}) e GROUP BY ${key}) k
    WHERE ${isChosen(choice)}`;
}

/** Each key of the table once, in a form and an order that all databases share. */
function orderedKeys(asked: Asked, table: KeyTable): SqlQuery {
  const parameters = new Parameters();
  const key = table.key.map((column, at) => `${comparableKey(of('x', column))} AS k${at}`);
  const names = key.map((_, at) => `k${at}`).join(', ');
  const order = key.map((_, at) => `convert_to(k${at}, 'UTF8') NULLS FIRST`).join(', ');
  const text = `SELECT min(e.batch) AS batch, ${names}
  FROM (SELECT ${key.join(', ')}, ${batchOf(table)} AS batch
        ${rowsOf(asked, table, 'x', parameters)}) e
 GROUP BY ${names} ORDER BY ${order}`;
  return { ...by(table.connection), text, values: parameters.values };
}

function batchOf({ batch }: KeyTable): string {
  return batch === undefined ? 'NULL::bigint' : `${of('x', batch)}::bigint`;
}

function rowsOf(asked: Asked, table: KeyTable, alias: string, parameters: Parameters): string {
  const only = table.only ? ` AND ${table.only(alias, parameters)}` : '';
  return `FROM ${quotedTable(table.table)} ${alias}
    WHERE ${inDataset(asked, table, alias, parameters)}${only}`;
}
