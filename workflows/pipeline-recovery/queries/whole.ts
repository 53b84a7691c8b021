import type { SqlStatement } from '../../../language/kinds/sql.js';
import { quotedTable } from '../../../language/sql-name.js';
import { existsIn, isAccountedFor } from './accounted.js';
import { newestRow } from './newest.js';
import { inDataset, of, Parameters, sameKey, type Asked } from './parts.js';

/**
 * Proves a stage that is made as a whole: no key twice, every key of the stage before, or of the
 * source, and no other. It is good, or all of it is bad. The row has the columns of the proof of
 * checkpoints.
 */
export function proveWhole(asked: Asked, name: string): SqlStatement {
  const { stages, source } = asked.data;
  const at = stages.findIndex((each) => each.name === name);
  const stage = stages[at] ?? stages[0];
  const before = at > 0 ? stages[at - 1] : source;
  const parameters = new Parameters();
  const rows = `${quotedTable(stage.table)} s WHERE ${inDataset(asked, stage, 's', parameters)}`;
  const key = stage.key.map((column) => of('s', column)).join(', ');
  const counts = { twice: '0', missing: '0', foreign: '0' };
  if (!stage.repeats)
    counts.twice = `(SELECT coalesce(sum(k.n - 1), 0)
              FROM (SELECT count(*) AS n FROM ${rows} GROUP BY ${key}) k)`;
  if (before) {
    const old = quotedTable(before.table);
    const arrived = [
      inDataset(asked, stage, 's', parameters),
      sameKey('s', stage.key, 'b', before.key),
    ];
    counts.missing = `(SELECT count(*) FROM ${old} b WHERE ${inDataset(asked, before, 'b', parameters)}
              AND NOT ${existsIn(quotedTable(stage.table), 's', arrived)}
              AND NOT ${isAccountedFor(asked, { alias: 'b', key: before.key }, parameters, stage)})`;
    const known = [
      inDataset(asked, before, 'b', parameters),
      sameKey('b', before.key, 's', stage.key),
    ];
    counts.foreign = `(SELECT count(*) FROM ${rows} AND NOT ${existsIn(old, 'b', known)})`;
  }
  const text = `
SELECT 0 AS checkpoints, 0 AS last_batch, 0 AS good_batch,
       CASE WHEN c.twice + c.missing + c.foreign_keys > 0 THEN 1 END AS bad_batch,
       NULL::text AS claimed_rows, c.n::text AS actual_rows,
       '[]'::json AS claimed_sums, '[]'::json AS actual_sums,
       c.twice::text AS duplicates, c.missing::text AS missing,
       c.foreign_keys::text AS foreign_keys, '0' AS unclaimed,
       json_build_array(json_build_array(1, c.n)) AS rows_by_batch${newestRow(asked, stage, parameters)}
  FROM (SELECT (SELECT count(*) FROM ${rows}) AS n,
               ${counts.twice}::bigint AS twice, ${counts.missing}::bigint AS missing,
               ${counts.foreign}::bigint AS foreign_keys) c`;
  return { as: 'proof', text, values: parameters.values };
}
