import type { SqlStatement } from '../../../language/kinds/sql.js';
import { isClaimed, type BatchStage, type PipelineStage } from '../../../language/pipeline.js';
import { quotedTable } from '../../../language/sql-name.js';
import { existsIn, isAccountedFor } from './accounted.js';
import { newestRow } from './newest.js';
import {
  inDataset,
  of,
  Parameters,
  rowHash,
  sameKey,
  type Asked,
  type AskedClaims,
} from './parts.js';
import { proveWhole } from './whole.js';

/** What a checkpoint claims of its rows. */
interface Claim {
  /** What the statement calls it. */
  name: string;
  /** As the checkpoint `c` has it. */
  claimed: string;
  /** As the rows `s` of one batch have it. */
  actual: string;
  type: 'numeric' | 'text';
}

/** Proves a stage: by its checkpoints, or as a whole where there are none. */
export function proveStage({ data, dataset }: Asked, name: string): SqlStatement {
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
function proveClaims(asked: AskedClaims, name: string): SqlStatement {
  const { data } = asked;
  const at = data.stages.findIndex((each) => each.name === name);
  const stage = data.stages[at] ?? data.stages[0];
  const parameters = new Parameters();
  const claims = claimsOf(asked, stage);
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
  ${newestClaims(asked, stage, claims, parameters)}
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
  ${missingKeys(asked, stage, data.stages[at - 1], parameters)}
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
       (SELECT count(*) FROM absent WHERE absent.batch <= newest.batch) AS missing,
       (SELECT coalesce(sum(p.n), 0)::text FROM present p
         WHERE p.batch > newest.batch OR p.batch IS NULL) AS unclaimed,
       (SELECT coalesce(json_agg(json_build_array(p.batch, p.n) ORDER BY p.batch), '[]')
          FROM present p) AS rows_by_batch${newestRow(asked, stage, parameters)}
  FROM newest CROSS JOIN good CROSS JOIN first_bad
  LEFT JOIN LATERAL (SELECT * FROM proved c
                      WHERE c.batch = coalesce(first_bad.batch, newest.batch)) at ON true`;
  return { as: 'proof', text, values: parameters.values };
}

/** The names of the measures whose sums are claimed, in the order of the proof's lists. */
export function claimedSums({ data }: Pick<Asked, 'data'>, { measures }: PipelineStage): string[] {
  const sums = data.checkpoints?.sums ?? {};
  return measures.map(({ name }) => name).filter((name) => Object.hasOwn(sums, name));
}

function claimsOf(asked: AskedClaims, stage: PipelineStage): Claim[] {
  const { rows, sums, checksum } = asked.data.checkpoints;
  const claims: Claim[] = [];
  if (rows !== undefined)
    claims.push({
      name: 'rows',
      claimed: `${of('c', rows)}::numeric`,
      actual: 'count(*)',
      type: 'numeric',
    });
  for (const [at, name] of claimedSums(asked, stage).entries()) {
    const column = stage.measures.find((measure) => measure.name === name)?.column ?? name;
    claims.push({
      name: `sum_${at}`,
      // A batch without rows has no sum, and its checkpoint may say so.
      claimed: `coalesce(${of('c', sums[name] ?? name)}::numeric, 0)`,
      actual: `sum(${of('s', column)}::numeric)`,
      type: 'numeric',
    });
  }
  if (checksum !== undefined)
    claims.push({
      name: 'checksum',
      claimed: `${of('c', checksum)}::text`,
      actual: `sum(${rowHash('s', stage)})`,
      type: 'text',
    });
  return claims;
}

/** One claim for each batch: where there are several, the newest. */
function newestClaims(
  asked: AskedClaims,
  stage: PipelineStage,
  claims: readonly Claim[],
  parameters: Parameters,
): string {
  const { checkpoints } = asked.data;
  const newest = checkpoints.order === undefined ? '' : `, ${of('c', checkpoints.order)} DESC`;
  const batch = of('c', checkpoints.batch);
  const claimed = claims.map(({ name, claimed: text }) => `, ${text} AS claimed_${name}`).join('');
  return `SELECT DISTINCT ON (${batch}) ${batch}::bigint AS batch${claimed}
    FROM ${quotedTable(checkpoints.table)} c
   WHERE ${inDataset(asked, checkpoints, 'c', parameters)}
     AND ${of('c', checkpoints.stage)} = ${parameters.of(stage.name)}
   ORDER BY ${batch}${newest}`;
}

const nothing = 'SELECT NULL::bigint AS batch WHERE false';

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
function missingKeys(
  asked: AskedClaims,
  stage: BatchStage,
  before: BatchStage | undefined,
  parameters: Parameters,
): string {
  if (!before) return nothing;
  const arrived = [
    inDataset(asked, stage, 's', parameters),
    sameKey('s', stage.key, 'b', before.key),
  ];
  return `SELECT ${of('b', before.batch)}::bigint AS batch FROM ${quotedTable(before.table)} b
     WHERE ${inDataset(asked, before, 'b', parameters)}
       AND ${of('b', before.batch)} <= (SELECT max(c.batch) FROM claims c)
       AND NOT ${existsIn(quotedTable(stage.table), 's', arrived)}
       AND NOT ${isAccountedFor(asked, { alias: 'b', key: before.key }, parameters, stage)}`;
}
