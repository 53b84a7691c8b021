import type { SqlStatement } from '../../../language/kinds/sql.js';
import { quotedTable } from '../../../language/sql-name.js';
import { existsIn, isAccountedFor } from './accounted.js';
import { inDataset, of, Parameters, rowHash, sameKey, type Asked } from './parts.js';

/**
 * Our own comparison of the last stage with the source, or with the first stage where no source is
 * declared. One row.
 */
export function compareWithSource(asked: Asked): SqlStatement {
  const { data } = asked;
  const [first] = data.stages;
  const last = data.stages.at(-1) ?? first;
  const source = data.source ?? first;
  const parameters = new Parameters();
  const sourceKey = source.key.map((column, at) => `${of('s', column)} AS k${at}`).join(', ');
  const targetKey = last.key.map((column, at) => `${of('t', column)} AS k${at}`).join(', ');
  const own = last.key.map((_, at) => `k${at}`);
  const sums = last.measures.map(
    ({ column }) => `coalesce(sum(${of('t', column)}::numeric), 0)::text`,
  );
  const checksum =
    data.checkpoints?.checksum === undefined
      ? 'NULL'
      : `coalesce(sum(${rowHash('t', last)}), 0)::text`;
  const isSame = sameKey('target', own, 'source', own);
  const text = `
WITH source AS (
  SELECT DISTINCT ${sourceKey} FROM ${quotedTable(source.table)} s
   WHERE ${inDataset(asked, source, 's', parameters)}
     AND NOT ${isAccountedFor(asked, { alias: 's', key: source.key }, parameters)}
), target AS (
  SELECT ${targetKey}, count(*) AS copies FROM ${quotedTable(last.table)} t
   WHERE ${inDataset(asked, last, 't', parameters)}
   GROUP BY ${own.map((_, at) => at + 1).join(', ')}
), whole AS (
  SELECT count(*)::text AS rows, json_build_array(${sums.join(', ')}) AS sums,
         ${checksum} AS checksum
    FROM ${quotedTable(last.table)} t WHERE ${inDataset(asked, last, 't', parameters)}
)
SELECT (SELECT count(*)::text FROM source) AS expected_rows,
       whole.rows, whole.sums, whole.checksum,
       (SELECT ${counted} FROM target WHERE copies > 1) AS duplicates,
       (SELECT ${counted} FROM source WHERE NOT ${existsIn('target', 'target', [isSame])}) AS missing,
       (SELECT ${counted} FROM target WHERE NOT ${existsIn('source', 'source', [isSame])}) AS foreign_keys
  FROM whole`;
  return { as: 'target', text, values: parameters.values };
}

/** A number that a condition can compare: larger ones arrive as text. */
const counted = 'least(count(*), 2147483647)::int';
