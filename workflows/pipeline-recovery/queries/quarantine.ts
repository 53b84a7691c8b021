import type { Json } from '../../../language/json.js';
import type { SqlStatement } from '../../../language/kinds/sql.js';
import type { BatchStage, TableName } from '../../../language/pipeline.js';
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

/**
 * Moves everything behind the checkpoint into quarantine, in one transaction. Kept, not deleted.
 * Done twice it moves nothing the second time; the last statement counts what is kept.
 */
export function quarantine(asked: AskedClaims, kept: Kept): SqlStatement[] {
  const all = stagesFrom(asked, kept.stage);
  return [
    ...all.map((each) => moveRows(asked, each, kept)),
    ...all.map((each) => moveCheckpoints(asked, each, kept)),
    countKept(asked, kept.name),
  ];
}

/**
 * The undo: rows that the restarted job wrote behind the checkpoint go into quarantine under
 * another name, then the quarantined rows return to their tables as they were.
 */
export function unquarantine(asked: AskedClaims, kept: Kept): SqlStatement[] {
  const all = stagesFrom(asked, kept.stage);
  const aside = { ...kept, name: `${kept.name}:rolled-back` };
  return [
    ...all.flatMap((each) => [
      moveRows(asked, each, aside, kept.name),
      moveCheckpoints(asked, each, aside, kept.name),
    ]),
    ...all.map((each) => putBackRows(asked, each, kept.name)),
    putBackCheckpoints(asked, kept.name),
  ];
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

/** @param onlyIf moves nothing unless something is kept under this name */
function moveRows(
  asked: AskedClaims,
  stage: BatchStage,
  kept: Kept,
  onlyIf?: string,
): SqlStatement {
  const parameters = new Parameters();
  const text = `WITH moved AS (DELETE FROM ${quotedTable(stage.table)} s
            WHERE ${inDataset(asked, stage, 's', parameters)}
              AND ${isBehind('s', stage.batch, kept.batch, parameters)}${condition(asked, onlyIf, parameters)}
            RETURNING s.*)
          INSERT INTO ${quotedTable(asked.data.quarantine.rows)} (run, stage, "row")
          SELECT ${keptAs(kept, stage, parameters)}, to_jsonb(moved.*) FROM moved`;
  return { text, values: parameters.values };
}

function moveCheckpoints(
  asked: AskedClaims,
  stage: BatchStage,
  kept: Kept,
  onlyIf?: string,
): SqlStatement {
  const { checkpoints, quarantine: places } = asked.data;
  const parameters = new Parameters();
  const text = `WITH moved AS (DELETE FROM ${quotedTable(checkpoints.table)} c
            WHERE ${inDataset(asked, checkpoints, 'c', parameters)}
              AND ${of('c', checkpoints.stage)} = ${parameters.of(stage.name)}
              AND ${isBehind('c', checkpoints.batch, kept.batch, parameters)}${condition(asked, onlyIf, parameters)}
            RETURNING c.*)
          INSERT INTO ${quotedTable(places.checkpoints)} (run, stage, "row")
          SELECT ${keptAs(kept, stage, parameters)}, to_jsonb(moved.*) FROM moved`;
  return { text, values: parameters.values };
}

/** The first two columns of a quarantine table. */
function keptAs({ name }: Kept, stage: BatchStage, parameters: Parameters): string {
  return `${parameters.of(name, 'text')}, ${parameters.of(stage.name, 'text')}`;
}

/** The undo may run although the quarantine never happened; then it must move nothing. */
function condition(
  { data }: AskedClaims,
  onlyIf: string | undefined,
  parameters: Parameters,
): string {
  if (onlyIf === undefined) return '';
  const run = parameters.of(onlyIf, 'text');
  const isKept = (table: TableName): string =>
    `EXISTS (SELECT 1 FROM ${quotedTable(table)} q WHERE q.run = ${run})`;
  return ` AND (${isKept(data.quarantine.rows)} OR ${isKept(data.quarantine.checkpoints)})`;
}

function putBackRows({ data }: AskedClaims, stage: BatchStage, name: string): SqlStatement {
  return putBack(data.quarantine.rows, stage.table, name, stage.name);
}

function putBackCheckpoints({ data }: AskedClaims, name: string): SqlStatement {
  return putBack(data.quarantine.checkpoints, data.checkpoints.table, name);
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

function countKept({ data: { quarantine: places } }: AskedClaims, name: string): SqlStatement {
  return {
    as: 'kept',
    text: `SELECT (SELECT count(*)::int FROM ${quotedTable(places.rows)} q
                    WHERE q.run = $1) AS rows,
                  (SELECT count(*)::int FROM ${quotedTable(places.checkpoints)} q
                    WHERE q.run = $1) AS checkpoints`,
    values: [name],
  };
}
