import { isClaimed, type BatchStage } from '../../../language/pipeline.js';
import { quotedTable } from '../../../language/sql-name.js';
import { claimsElsewhere, claimsIn, claimsOf, type Claim } from './claims.js';
import { keysElsewhere, keysThatAre, setsOf } from './keys.js';
import { newestRow } from './newest.js';
import {
  inDataset,
  of,
  Parameters,
  questionOf,
  type Asked,
  type AskedClaims,
  type Question,
} from './parts.js';
import { proveWhole } from './whole.js';

/** Proves a stage: by its checkpoints, or as a whole where there are none. */
export function proveStage({ data, dataset }: Asked, name: string): Question {
  return isClaimed(data)
    ? proveClaims({ data, dataset }, name)
    : proveWhole({ data, dataset }, name);
}

/**
 * Proves a stage's checkpoints against its rows. A batch is bad when its claim differs from what is
 * there, when no checkpoint claims it although a later one is claimed, when it holds a key a second
 * time, or when it lacks a key of the stage before. Rows behind the newest checkpoint are claimed
 * by nobody.
 */
function proveClaims(asked: AskedClaims, name: string): Question {
  const { data } = asked;
  const at = data.stages.findIndex((each) => each.name === name);
  const stage = data.stages[at] ?? data.stages[0];
  const before = data.stages[at - 1];
  const claims = claimsOf(asked, stage);
  const sets = before && setsOf(asked, stage, before);
  const claimsRead = claimsElsewhere(asked, stage, claims);
  const keysRead = sets && keysElsewhere(asked, sets, stage.connection);
  const reads = [claimsRead, keysRead].filter((read) => read !== undefined);
  const parameters = new Parameters(reads);
  const each = (text: (claim: Claim) => string): string => claims.map(text).join('');
  const sums = claims.filter((claim) => claim.name.startsWith('sum'));
  const list = (side: string): string =>
    `json_build_array(${sums.map((claim) => `at.${side}_${claim.name}::text`).join(', ')})`;
  const values = each(({ name: as, actual }) => `, ${actual} AS ${as}`);
  const totals = each(({ name: as }) => `, coalesce(sum(p.${as}), 0) AS actual_${as}`);
  const rows = claims.some((claim) => claim.name === 'rows') ? 'at.claimed_rows' : 'NULL';
  const differs = (claim: Claim): string =>
    `claimed_${claim.name} IS DISTINCT FROM actual_${claim.name}::${claim.type}`;
  const text = `
WITH claims AS (
  ${claimsIn(asked, stage, claims, claimsRead, parameters)}
), present AS (
  SELECT ${of('s', stage.batch)}::bigint AS batch, count(*) AS n${values}
    FROM ${quotedTable(stage.table)} s WHERE ${inDataset(asked, stage, 's', parameters)} GROUP BY 1
), proved AS (
  SELECT c.batch, a.*${each(({ name: as }) => `, c.claimed_${as}`)}
    FROM claims c CROSS JOIN LATERAL (
      SELECT coalesce(sum(p.n), 0) AS n${totals}
        FROM present p WHERE p.batch ${data.checkpoints.cumulative ? '<=' : '='} c.batch) a
), twice AS (
  ${repeatedKeys(asked, stage, parameters)}
), absent AS (
  ${sets ? missingKeys(keysThatAre('missing', asked, sets, keysRead, parameters)) : nothingMissing}
), gaps AS (
  ${data.checkpoints.cumulative ? nothing : gapsOfClaims}
), newest AS (
  SELECT coalesce(max(batch), 0) AS batch FROM claims
), bad AS (
  SELECT batch FROM proved WHERE ${claims.map(differs).join(' OR ') || 'false'}
  UNION ALL SELECT batch FROM twice
  UNION ALL SELECT batch FROM absent
  UNION ALL SELECT batch FROM gaps
), first_bad AS (
  SELECT min(bad.batch) AS batch FROM bad, newest WHERE bad.batch <= newest.batch
), good AS (
  SELECT coalesce((SELECT max(c.batch) FROM claims c, first_bad f
                    WHERE f.batch IS NULL OR c.batch < f.batch), 0) AS batch
)
SELECT (SELECT count(*) FROM claims) AS checkpoints,
       newest.batch::int AS last_batch, good.batch::int AS good_batch,
       first_bad.batch::int AS bad_batch,
       EXISTS (SELECT 1 FROM gaps g WHERE g.batch = first_bad.batch) AS is_gap,
       ${rows}::text AS claimed_rows, coalesce(at.n, 0)::text AS actual_rows,
       ${list('claimed')} AS claimed_sums, ${list('actual')} AS actual_sums,
       (SELECT count(*) FROM twice) AS duplicates,
       (SELECT coalesce(sum(absent.keys), 0)::bigint FROM absent
         WHERE absent.batch <= newest.batch) AS missing,
       (SELECT coalesce(sum(p.n), 0)::text FROM present p
         WHERE p.batch > newest.batch OR p.batch IS NULL) AS unclaimed,
       (SELECT coalesce(json_agg(json_build_array(p.batch, p.n) ORDER BY p.batch), '[]')
          FROM present p) AS rows_by_batch${newestRow(asked, stage, parameters)}
  FROM newest CROSS JOIN good CROSS JOIN first_bad
  LEFT JOIN LATERAL (SELECT * FROM proved c
                      WHERE c.batch = coalesce(first_bad.batch, newest.batch)) at ON true`;
  const statement = { as: 'proof', text, values: parameters.values };
  return questionOf(stage.connection, reads, statement);
}

const nothing = 'SELECT NULL::bigint AS batch WHERE false';
const nothingMissing = 'SELECT NULL::bigint AS batch, NULL::bigint AS keys WHERE false';

/** Where each batch has a claim of its own: the first batch of each gap between them. */
const gapsOfClaims = `SELECT c.before + 1 AS batch
    FROM (SELECT batch, lag(batch, 1, 0::bigint) OVER (ORDER BY batch) AS before FROM claims) c
   WHERE c.batch > c.before + 1`;

/** The batches that hold a key which is there already. */
function repeatedKeys(asked: AskedClaims, stage: BatchStage, parameters: Parameters): string {
  if (stage.repeats) return nothing;
  const key = stage.key.map((column) => of('s', column)).join(', ');
  const order = [stage.batch, ...(stage.order === undefined ? [] : [stage.order])];
  return `SELECT t.batch FROM (
    SELECT ${of('s', stage.batch)}::bigint AS batch,
           row_number() OVER (PARTITION BY ${key} ORDER BY ${order.map((column) => of('s', column)).join(', ')}) AS nth
      FROM ${quotedTable(stage.table)} s WHERE ${inDataset(asked, stage, 's', parameters)}
  ) t WHERE t.nth > 1`;
}

/** Keys of the stage before that neither arrived here nor were left out on purpose. */
function missingKeys(keys: string): string {
  return `SELECT m.batch, m.keys FROM (${keys}) m
   WHERE m.batch <= (SELECT max(c.batch) FROM claims c)`;
}
