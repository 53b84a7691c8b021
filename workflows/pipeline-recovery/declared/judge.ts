import { nearest } from '../../../language/nearest.js';
import { quoted, quotedTable } from '../../../language/sql-name.js';
import { ProcedureStopped } from '../../engine/outcome.js';
import { changesData, type Choice } from '../findings.js';
import type { FoundColumn, FoundTable } from './catalog.js';
import type { Finding } from './finding.js';
import { keyFindings } from './judge-keys.js';
import { placeWords, type Place, type Role } from './places.js';

/**
 * Compares the declaration with the database.
 * @throws ProcedureStopped when the database was not asked
 */
export function judgeDeclaration(
  places: readonly Place[],
  tables: readonly FoundTable[],
): Finding[] {
  const found = places.map((place) => {
    const table = tables.find((each) => each.what === place.what);
    if (table) return { place, table };
    throw new ProcedureStopped(
      `what the database has of ${place.what} is not known: it was not asked`,
      'Nothing was changed. Start the runbook again.',
    );
  });
  return [
    ...found.flatMap(({ place, table }) => findingsAt(place, table)),
    ...queryFindings(found),
    ...keyFindings(found),
  ];
}

/** Whether a query returns stages that are declared. */
function queryFindings(found: readonly { place: Place; table: FoundTable }[]): Finding[] {
  return found.flatMap(({ place: { what }, table: { stages } }): Finding[] => {
    if (!stages) return [];
    if (stages.length === 0)
      return [
        {
          ...{ weight: 'doubtful', what, found: 'the query returns no row: nothing is claimed' },
          fix: 'Where jobs have done batches, it has to return a row for each of them.',
        },
      ];
    const declared = found.flatMap(({ place }) => place.stage ?? []);
    if (stages.some((stage) => declared.includes(stage))) return [];
    return [
      {
        ...{ weight: 'wrong', what },
        found:
          `the query returns ${stages.join(', ')}, and ` +
          `the declared stages are ${declared.join(', ')}`,
        fix: 'Let it return the names of the stages as they are declared.',
      },
    ];
  });
}

/** The findings in one paragraph. */
export function inOneParagraph(findings: readonly Finding[]): string {
  return findings.map(({ what, found }) => `${what}: ${found}`).join('; ');
}

/** @throws ProcedureStopped when data has to be moved, and cannot */
export function assertMovable(forbidden: readonly Finding[], choice: Choice): void {
  if (forbidden.length === 0 || !changesData(choice)) return;
  throw new ProcedureStopped(
    'data has to be moved into quarantine, and cannot: ' +
      `${inOneParagraph(forbidden)} (${choice.verdict})`,
    `Nothing was changed. ${forbidden.map(({ fix }) => fix).join('; ')}`,
  );
}

function findingsAt(place: Place, table: FoundTable): Finding[] {
  const { what } = place;
  const name = placeWords(place);
  const doubt = (found: string, fix: string): Finding => ({ weight: 'doubtful', what, found, fix });
  if (!table.exists) return [absent(place, table)];
  const findings = place.columns.flatMap((column) => columnFindings(place, table, column));
  const missing = place.rights.filter((right) => !table.rights.includes(right));
  if (missing.length > 0)
    findings.push({
      weight: missing.includes('SELECT') ? 'wrong' : 'forbidden',
      what,
      found: `${table.asking} may not ${missing.join(', ')} on ${name}`,
      fix: `GRANT ${missing.join(', ')} ON ${quotedTable(place.table)} TO ${quoted(table.asking)}`,
    });
  if (table.hides)
    findings.push(
      doubt(
        `row security hides rows of ${name} from ${table.asking}: what is hidden is not proved`,
        `Give ${table.asking} BYPASSRLS, or a policy that shows it all rows.`,
      ),
    );
  if (!place.isMoved) return findings;
  if (!table.is_table)
    findings.push({
      weight: 'forbidden',
      what,
      found: `${name} is no table: rows cannot be moved out of it`,
      fix: 'Name the table behind it.',
    });
  for (const other of table.cascades)
    findings.push({
      weight: 'forbidden',
      what,
      found: `rows of ${other} change or go when rows are moved out of ${name}`,
      fix: `Let the foreign key of ${other} refuse instead (ON DELETE NO ACTION).`,
    });
  const computed = table.columns.filter(({ generated }) => generated).map((column) => column.name);
  if (computed.length > 0)
    findings.push({
      weight: 'forbidden',
      what,
      found: `${name} computes ${computed.join(', ')}: rows that were moved out cannot be put back`,
      fix: 'Let the pipeline write these columns, or a view compute them.',
    });
  return findings;
}

function absent(place: Place, found: FoundTable): Finding {
  const { what, table, columns } = place;
  const name = placeWords(place);
  const near = nearest(table.at(-1) ?? name, found.others);
  const isOurs = what.startsWith('quarantine');
  const ours = [
    'id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
    ...columns.map(({ name: column, role }) => {
      return `${quoted(column)} ${role === 'json' ? 'jsonb' : 'text'} NOT NULL`;
    }),
    'quarantined_at timestamptz NOT NULL DEFAULT now()',
  ];
  return {
    weight: isOurs ? 'forbidden' : 'wrong',
    what,
    found: `there is no table ${name}${near === undefined ? '' : `; is it ${near}?`}`,
    fix: isOurs
      ? `CREATE TABLE ${quotedTable(table)} (${ours.join(', ')})`
      : 'Names count exactly, upper case too. Correct it in targets.yaml of every worker.',
  };
}

function columnFindings(
  at: Place,
  { columns }: FoundTable,
  { name: wanted, role }: Place['columns'][number],
): Finding[] {
  const { what } = at;
  const column = columns.find((each) => each.name === wanted);
  const place = placeWords(at);
  if (!column) {
    const near = nearest(
      wanted,
      columns.map((each) => each.name),
    );
    return [
      {
        weight: 'wrong',
        what,
        found: `${place} has no column ${wanted}${near === undefined ? '' : `; is it ${near}?`}`,
        fix:
          `It has ${columns.map((each) => each.name).join(', ')}. ` +
          'Correct it in targets.yaml of every worker.',
      },
    ];
  }
  const why = unfit(role, column);
  return why === null ? [] : [{ what, ...why, found: `column ${wanted} of ${place} ${why.found}` }];
}

/** Why the column is not what its role needs; null when it is. */
function unfit(
  role: Role,
  { type, category, nullable }: FoundColumn,
): Omit<Finding, 'what'> | null {
  const wrong = (found: string, fix: string): Omit<Finding, 'what'> => ({
    weight: 'wrong',
    found,
    fix,
  });
  switch (role) {
    case 'batch':
      return /^(smallint|integer|bigint)$/.test(type)
        ? null
        : wrong(
            `is ${type}, and the number of a batch is a whole number`,
            'Name the column that counts batches from 1.',
          );
    case 'number':
      if (category !== 'N')
        return wrong(
          `is ${type}, and a measure is a number`,
          'Name a column of numbers, or leave the measure out.',
        );
      return /^(real|double precision)$/.test(type)
        ? {
            weight: 'doubtful',
            found: `is ${type}: a sum of such numbers depends on their order`,
            fix: 'A claim of its sum may differ in the last digits; numeric is exact.',
          }
        : null;
    case 'time':
      return /^(date|timestamp)/.test(type)
        ? null
        : wrong(
            `is ${type}, and how old a row is takes a date or a timestamp`,
            'Name the column that tells when a row is of, or leave `fresh` out.',
          );
    case 'text':
      return category === 'S' ? null : wrong(`is ${type}, not text`, 'Name a column of type text.');
    case 'json':
      return type === 'jsonb' ? null : wrong(`is ${type}, not jsonb`, 'Let it be of type jsonb.');
    case 'key':
      return nullable
        ? {
            weight: 'doubtful',
            found: 'may be null: rows without a value count as rows of one key',
            fix: 'Let it be NOT NULL, or name another key.',
          }
        : null;
    case 'any':
      return null;
  }
}
