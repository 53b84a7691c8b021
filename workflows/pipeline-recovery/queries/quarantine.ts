import type { Json } from '../../../language/json.js';
import type { SqlStatement } from '../../../language/kinds/sql.js';
import {
  connectionsOf,
  type BatchStage,
  type CheckpointTable,
  type TableName,
} from '../../../language/pipeline.js';
import { quoted, quotedTable } from '../../../language/sql-name.js';
import {
  inDataset,
  isBehind,
  of,
  Parameters,
  stagesFrom,
  type Asked,
  type AskedClaims,
} from './parts.js';

/** Where the data that is moved begins, and the name under which it is kept. */
export interface Kept {
  stage: string;
  /** The last batch that stays. */
  batch: number;
  name: string;
}

/** What of the data is moved within one database, by where it is. */
interface Movable {
  /** The stages whose rows are here. */
  rows: BatchStage[];
  /** The stages whose checkpoints are here, where they are in a table. */
  checkpoints: BatchStage[];
}

/** By which connections something is moved, the stages first. */
export function quarantineConnections(asked: AskedClaims, stage: string): (string | undefined)[] {
  const { checkpoints } = asked.data;
  const places = stagesFrom(asked, stage).map(({ connection }) => connection);
  return [...new Set([...places, ...(checkpoints.table ? [checkpoints.connection] : [])])];
}

/**
 * Moves everything behind the checkpoint into quarantine, in one transaction for each database.
 * Kept, not deleted. Done twice it moves nothing the second time; the last statement counts what is
 * kept.
 */
export function quarantine(asked: AskedClaims, kept: Kept, connection?: string): SqlStatement[] {
  const here = movable(asked, kept.stage, connection);
  return [
    ...here.rows.map((each) => moveRows(asked, each, kept)),
    ...here.checkpoints.map((each) => moveCheckpoints(asked, each, kept)),
    ...(isOneOfSeveral(asked) ? [mark(asked, here, kept)] : []),
    countKept(asked, here, kept.name),
  ];
}

function movable(asked: AskedClaims, stage: string, connection: string | undefined): Movable {
  const all = stagesFrom(asked, stage);
  const { checkpoints } = asked.data;
  const isHere = checkpoints.table && checkpoints.connection === connection;
  return {
    rows: all.filter((each) => each.connection === connection),
    checkpoints: isHere ? all : [],
  };
}

/**
 * The undo: rows that the restarted job wrote behind the checkpoint go into quarantine under
 * another name, then the quarantined rows return to their tables as they were.
 */
export function unquarantine(asked: AskedClaims, kept: Kept, connection?: string): SqlStatement[] {
  const here = movable(asked, kept.stage, connection);
  const aside = { ...kept, name: `${kept.name}:rolled-back` };
  const name = isOneOfSeveral(asked) ? markOf(kept.name) : kept.name;
  const onlyIf = (parameters: Parameters): string =>
    ` AND ${isKept(asked, here, name, parameters)}`;
  return [
    ...here.rows.map((each) => moveRows(asked, each, aside, onlyIf)),
    ...here.checkpoints.map((each) => moveCheckpoints(asked, each, aside, onlyIf)),
    ...here.rows.map((each) => putBackRows(asked, each, kept.name)),
    ...(here.checkpoints.length > 0 ? [putBackCheckpoints(asked, kept.name)] : []),
    ...(isOneOfSeveral(asked) ? [unmark(asked, here, kept.name)] : []),
  ];
}

/**
 * Of several databases one may have had nothing to move, and the restarted job has written there
 * since. So each says that its quarantine has happened.
 */
function isOneOfSeveral({ data }: AskedClaims): boolean {
  return connectionsOf(data).length > 1;
}

function markOf(name: string): string {
  return `${name}:begun`;
}

function mark(asked: AskedClaims, here: Movable, { name, stage }: Kept): SqlStatement {
  const parameters = new Parameters();
  const table = quotedTable(markPlace(asked, here));
  const run = parameters.of(markOf(name), 'text');
  const text = `INSERT INTO ${table} (run, stage, "row")
          SELECT ${run}, ${parameters.of(stage, 'text')}, '{}'
           WHERE NOT EXISTS (SELECT 1 FROM ${table} q WHERE q.run = ${run})`;
  return { text, values: parameters.values };
}

function unmark(asked: AskedClaims, here: Movable, name: string): SqlStatement {
  const parameters = new Parameters();
  const run = parameters.of(markOf(name));
  const text = `DELETE FROM ${quotedTable(markPlace(asked, here))} q WHERE q.run = ${run}`;
  return { text, values: parameters.values };
}

function markPlace(asked: AskedClaims, here: Movable): TableName {
  return here.rows.length > 0 ? asked.data.quarantine.rows : keptCheckpoints(asked);
}

/** Lets the job leave out a record that it cannot process. */
export function setAside(asked: Asked, key: readonly Json[], name: string): SqlStatement[] {
  const place = asked.data.setAside;
  if (!place) return [];
  const parameters = new Parameters();
  const dataset = place.dataset ?? asked.data.dataset;
  const columns: [string, Json][] = [
    ...(dataset === undefined ? [] : [[dataset, asked.dataset] as [string, Json]]),
    ...place.key.map((column, at): [string, Json] => [column, key[at] ?? null]),
  ];
  const values = columns.map(([column, value]): [string, string] => [column, parameters.of(value)]);
  const isThere = values.map(([column, value]) => `${of('d', column)} = ${value}`).join(' AND ');
  const names = [...columns.map(([column]) => column), place.reason].map(quoted).join(', ');
  const text = `INSERT INTO ${quotedTable(place.table)} (${names})
         SELECT ${values.map(([, value]) => value).join(', ')}, ${parameters.of(reasonOf(name))}
          WHERE NOT EXISTS (SELECT 1 FROM ${quotedTable(place.table)} d WHERE ${isThere})`;
  return [{ text, values: parameters.values }];
}

/** The undo of `setAside`: only what it has set aside itself. */
export function takeUpAgain(asked: Asked, name: string): SqlStatement[] {
  const place = asked.data.setAside;
  if (!place) return [];
  const parameters = new Parameters();
  const text = `DELETE FROM ${quotedTable(place.table)} d
          WHERE ${inDataset(asked, place, 'd', parameters)}
            AND ${of('d', place.reason)} = ${parameters.of(reasonOf(name))}`;
  return [{ text, values: parameters.values }];
}

function reasonOf(name: string): string {
  return `set aside by run ${name}`;
}

/** A further condition, beginning with AND. */
type OnlyIf = (parameters: Parameters) => string;
const always: OnlyIf = () => '';

/** @param onlyIf else nothing is moved */
function moveRows(
  asked: AskedClaims,
  stage: BatchStage,
  kept: Kept,
  onlyIf = always,
): SqlStatement {
  const parameters = new Parameters();
  const text = `WITH moved AS (DELETE FROM ${quotedTable(stage.table)} s
            WHERE ${inDataset(asked, stage, 's', parameters)}
              AND ${isBehind('s', stage.batch, kept.batch, parameters)}${onlyIf(parameters)}
            RETURNING s.*)
          INSERT INTO ${quotedTable(asked.data.quarantine.rows)} (run, stage, "row")
          SELECT ${keptAs(kept, stage, parameters)}, to_jsonb(moved.*) FROM moved`;
  return { text, values: parameters.values };
}

function moveCheckpoints(
  asked: AskedClaims,
  stage: BatchStage,
  kept: Kept,
  onlyIf = always,
): SqlStatement {
  const checkpoints = asked.data.checkpoints as CheckpointTable;
  const parameters = new Parameters();
  const text = `WITH moved AS (DELETE FROM ${quotedTable(checkpoints.table)} c
            WHERE ${inDataset(asked, checkpoints, 'c', parameters)}
              AND ${of('c', checkpoints.stage)} = ${parameters.of(stage.name)}
              AND ${isBehind('c', checkpoints.batch, kept.batch, parameters)}${onlyIf(parameters)}
            RETURNING c.*)
          INSERT INTO ${quotedTable(keptCheckpoints(asked))} (run, stage, "row")
          SELECT ${keptAs(kept, stage, parameters)}, to_jsonb(moved.*) FROM moved`;
  return { text, values: parameters.values };
}

/** The first two columns of a quarantine table. */
function keptAs({ name }: Kept, stage: BatchStage, parameters: Parameters): string {
  return `${parameters.of(name, 'text')}, ${parameters.of(stage.name, 'text')}`;
}

/** The undo may run although the quarantine never happened; then it must move nothing. */
function isKept(asked: AskedClaims, here: Movable, name: string, parameters: Parameters): string {
  const run = parameters.of(name, 'text');
  const isIn = (table: TableName): string =>
    `EXISTS (SELECT 1 FROM ${quotedTable(table)} q WHERE q.run = ${run})`;
  return `(${placesOf(asked, here).map(isIn).join(' OR ')})`;
}

/** The quarantine tables of the database. */
function placesOf(asked: AskedClaims, here: Movable): TableName[] {
  return [
    ...(here.rows.length > 0 ? [asked.data.quarantine.rows] : []),
    ...(here.checkpoints.length > 0 ? [keptCheckpoints(asked)] : []),
  ];
}

/** Where checkpoints go that are in a table. @throws TypeError where none are */
function keptCheckpoints({ data }: AskedClaims): TableName {
  if (data.quarantine.checkpoints) return data.quarantine.checkpoints;
  throw new TypeError('no table keeps checkpoints');
}

function putBackRows({ data }: AskedClaims, stage: BatchStage, name: string): SqlStatement {
  return putBack(data.quarantine.rows, stage.table, name, stage.name);
}

function putBackCheckpoints(asked: AskedClaims, name: string): SqlStatement {
  const { table } = asked.data.checkpoints as CheckpointTable;
  return putBack(keptCheckpoints(asked), table, name);
}

function putBack(from: TableName, to: TableName, name: string, stage?: string): SqlStatement {
  const parameters = new Parameters();
  const ofStage = stage === undefined ? '' : ` AND q.stage = ${parameters.of(stage)}`;
  const table = quotedTable(to);
  // A row keeps the number that the table once gave it.
  const text = `WITH back AS (DELETE FROM ${quotedTable(from)} q
            WHERE q.run = ${parameters.of(name)}${ofStage} RETURNING q."row" AS kept)
          INSERT INTO ${table} OVERRIDING SYSTEM VALUE
          SELECT (jsonb_populate_record(NULL::${table}, back.kept)).* FROM back`;
  return { text, values: parameters.values };
}

function countKept(asked: AskedClaims, here: Movable, name: string): SqlStatement {
  const parameters = new Parameters();
  const run = parameters.of(name, 'text');
  const count = (table: TableName): string =>
    `(SELECT count(*)::int FROM ${quotedTable(table)} q WHERE q.run = ${run})`;
  const rows = here.rows.length > 0 ? count(asked.data.quarantine.rows) : '0';
  const checkpoints = here.checkpoints.length > 0 ? count(keptCheckpoints(asked)) : '0';
  return {
    as: 'kept',
    text: `SELECT ${rows} AS rows, ${checkpoints} AS checkpoints`,
    values: parameters.values,
  };
}
