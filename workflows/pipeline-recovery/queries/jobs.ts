import type { SqlStatement } from '../../../language/kinds/sql.js';
import type { JobTable } from '../../../language/pipeline.js';
import { quoted, quotedTable } from '../../../language/sql-name.js';
import { Parameters } from './parts.js';

/**
 * The jobs of the last 24 hours; and, however old it is, the job asked for, with all later jobs of
 * its dataset.
 */
export function recentJobs(jobs: JobTable, wanted: string | undefined): SqlStatement {
  const parameters = new Parameters();
  const text = (column: string | undefined): string =>
    column === undefined ? 'NULL::text' : `j.${quoted(column)}::text`;
  const isOurs = Object.entries(jobs.where).map(
    ([column, value]) => `j.${quoted(column)} = ${parameters.of(value)}`,
  );
  return {
    as: 'jobs',
    text: `
WITH jobs AS (
  SELECT ${text(jobs.id)} AS id, ${text(jobs.status)} AS status,
         ${text(jobs.stage)} AS stage, ${text(jobs.dataset)} AS dataset,
         j.${quoted(jobs.created)} AS created
    FROM ${quotedTable(jobs.table)} j WHERE ${isOurs.join(' AND ') || 'true'}
), recent AS (
  SELECT * FROM jobs WHERE created > now() - interval '24 hours'
   ORDER BY created DESC, id DESC LIMIT 50
), asked AS (
  SELECT * FROM jobs WHERE id = ${parameters.of(wanted ?? null, 'text')}
), since AS (
  SELECT jobs.* FROM jobs
    JOIN asked ON jobs.dataset IS NOT DISTINCT FROM asked.dataset
              AND jobs.created >= asked.created
   ORDER BY jobs.created DESC, jobs.id DESC LIMIT 50
)
SELECT * FROM recent UNION SELECT * FROM asked UNION SELECT * FROM since
 ORDER BY created DESC, id DESC`,
    values: parameters.values,
  };
}
