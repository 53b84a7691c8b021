import type { PipelineStage } from '../../../language/pipeline.js';
import { quotedTable } from '../../../language/sql-name.js';
import { inDataset, of, type Asked, type Parameters } from './parts.js';

/**
 * Columns of a stage's proof that say of when its newest row is, and how many seconds ago that was:
 * null where there are no rows, and absent where nobody has declared what tells it.
 */
export function newestRow(asked: Asked, stage: PipelineStage, parameters: Parameters): string {
  if (!stage.fresh) return '';
  const newest = `(SELECT max(${of('s', stage.fresh.column)})::timestamptz
          FROM ${quotedTable(stage.table)} s WHERE ${inDataset(asked, stage, 's', parameters)})`;
  return `,
       ${newest}::text AS newest_row,
       floor(date_part('epoch', now() - ${newest}))::bigint::text AS newest_row_age`;
}
