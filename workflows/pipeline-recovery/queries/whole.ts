import { quotedTable } from '../../../language/sql-name.js';
import { countOf, keysElsewhere, setsOf } from './keys.js';
import { newestRow } from './newest.js';
import { inDataset, of, Parameters, questionOf, type Asked, type Question } from './parts.js';

/**
 * Proves a stage that is made as a whole: no key twice, every key of the stage before, or of the
 * source, and no other. It is good, or all of it is bad. The row has the columns of the proof of
 * checkpoints.
 */
export function proveWhole(asked: Asked, name: string): Question {
  const { stages, source } = asked.data;
  const at = stages.findIndex((each) => each.name === name);
  const stage = stages[at] ?? stages[0];
  const before = at > 0 ? stages[at - 1] : source;
  const sets = before && setsOf(asked, stage, before);
  const read = sets && keysElsewhere(asked, sets, stage.connection);
  const reads = read ? [read] : [];
  const parameters = new Parameters(reads);
  const rows = `${quotedTable(stage.table)} s WHERE ${inDataset(asked, stage, 's', parameters)}`;
  const key = stage.key.map((column) => of('s', column)).join(', ');
  const twice = stage.repeats
    ? '0'
    : `(SELECT coalesce(sum(k.n - 1), 0)
              FROM (SELECT count(*) AS n FROM ${rows} GROUP BY ${key}) k)`;
  const count = (which: 'missing' | 'foreign'): string =>
    sets ? countOf(which, asked, sets, read, parameters) : '0';
  const text = `
SELECT 0 AS checkpoints, 0 AS last_batch, 0 AS good_batch,
       CASE WHEN c.twice + c.missing + c.foreign_keys > 0 THEN 1 END AS bad_batch,
       NULL::text AS claimed_rows, c.n::text AS actual_rows,
       '[]'::json AS claimed_sums, '[]'::json AS actual_sums,
       c.twice::text AS duplicates, c.missing::text AS missing,
       c.foreign_keys::text AS foreign_keys, '0' AS unclaimed,
       json_build_array(json_build_array(1, c.n)) AS rows_by_batch${newestRow(asked, stage, parameters)}
  FROM (SELECT (SELECT count(*) FROM ${rows}) AS n, ${twice}::bigint AS twice,
               ${count('missing')}::bigint AS missing,
               ${count('foreign')}::bigint AS foreign_keys) c`;
  const statement = { as: 'proof', text, values: parameters.values };
  return questionOf(stage.connection, reads, statement);
}
