import { quotedTable } from '../../../language/sql-name.js';
import { accountedFor, countOf, keysElsewhere, type KeySets } from './keys.js';
import {
  inDataset,
  of,
  Parameters,
  questionOf,
  rowHash,
  type Asked,
  type Question,
} from './parts.js';

/**
 * Our own comparison of the last stage with the source, or with the first stage where no source is
 * declared. One row.
 */
export function compareWithSource(asked: Asked): Question {
  const { data } = asked;
  const [first] = data.stages;
  const last = data.stages.at(-1) ?? first;
  const source = data.source ?? first;
  const { table, key, dataset, connection } = source;
  const sets: KeySets = {
    origin: [{ table, key, dataset, connection }],
    own: [last],
    accounted: accountedFor(asked),
  };
  const read = keysElsewhere(asked, sets, last.connection);
  const reads = read ? [read] : [];
  const parameters = new Parameters(reads);
  const sums = last.measures.map(
    ({ column }) => `coalesce(sum(${of('t', column)}::numeric), 0)::text`,
  );
  const checksum =
    data.checkpoints?.checksum === undefined
      ? 'NULL'
      : `coalesce(sum(${rowHash('t', last)}), 0)::text`;
  const rows = `${quotedTable(last.table)} t WHERE ${inDataset(asked, last, 't', parameters)}`;
  const count = (which: 'expected' | 'missing' | 'foreign' | 'leftOut'): string =>
    countOf(which, asked, sets, read, parameters);
  const ownKey = last.key.map((column) => of('t', column)).join(', ');
  const text = `
WITH whole AS (
  SELECT count(*)::text AS rows, json_build_array(${sums.join(', ')}) AS sums,
         ${checksum} AS checksum
    FROM ${rows}
)
SELECT ${count('expected')}::text AS expected_rows,
       whole.rows, whole.sums, whole.checksum,
       (SELECT ${counted('count(*)')}
          FROM (SELECT 1 FROM ${rows} GROUP BY ${ownKey} HAVING count(*) > 1) d) AS duplicates,
       ${counted(count('missing'))} AS missing,
       ${counted(`${count('foreign')} + ${count('leftOut')}`)} AS foreign_keys
  FROM whole`;
  const statement = { as: 'target', text, values: parameters.values };
  return questionOf(last.connection, reads, statement);
}

/** A number that a condition can compare: larger ones arrive as text. */
function counted(number: string): string {
  return `least(${number}, 2147483647)::int`;
}
