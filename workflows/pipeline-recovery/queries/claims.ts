import type { SqlRead } from '../../../language/kinds/sql.js';
import type {
  CheckpointQuery,
  CheckpointTable,
  PipelineStage,
} from '../../../language/pipeline.js';
import { quotedTable } from '../../../language/sql-name.js';
import { by, inDataset, of, Parameters, rowHash, type Asked, type AskedClaims } from './parts.js';

/** What a checkpoint claims of its rows. */
export interface Claim {
  /** What the statement calls it. */
  name: string;
  /** The column that claims it. */
  column: string;
  /** As a checkpoint claims it, given its column as SQL. */
  claimed: (column: string) => string;
  /** As the rows `s` of one batch have it. */
  actual: string;
  type: 'numeric' | 'text';
}

/** The names of the measures whose sums are claimed, in the order of the proof's lists. */
export function claimedSums({ data }: Pick<Asked, 'data'>, { measures }: PipelineStage): string[] {
  const sums = data.checkpoints?.sums ?? {};
  return measures.map(({ name }) => name).filter((name) => Object.hasOwn(sums, name));
}

/** What the checkpoints claim of this stage. */
export function claimsOf(asked: AskedClaims, stage: PipelineStage): Claim[] {
  const { rows, sums, checksum } = asked.data.checkpoints;
  const claims: Claim[] = [];
  if (rows !== undefined)
    claims.push({
      name: 'rows',
      column: rows,
      claimed: (column) => `${column}::numeric`,
      actual: 'count(*)',
      type: 'numeric',
    });
  for (const [at, name] of claimedSums(asked, stage).entries()) {
    const column = stage.measures.find((measure) => measure.name === name)?.column ?? name;
    claims.push({
      name: `sum_${at}`,
      column: sums[name] ?? name,
      // A batch without rows has no sum, and its checkpoint may say so.
      claimed: (claimed) => `coalesce(${claimed}::numeric, 0)`,
      actual: `sum(${of('s', column)}::numeric)`,
      type: 'numeric',
    });
  }
  if (checksum !== undefined)
    claims.push({
      name: 'checksum',
      column: checksum,
      claimed: (column) => `${column}::text`,
      actual: `sum(${rowHash('s', stage)})`,
      type: 'text',
    });
  return claims;
}

/**
 * The claims of the stage, where they have to be read first: in another database than its rows, or
 * by a query.
 */
export function claimsElsewhere(
  asked: AskedClaims,
  stage: PipelineStage,
  claims: readonly Claim[],
): SqlRead | undefined {
  const { checkpoints } = asked.data;
  const { connection, batch } = checkpoints;
  if (checkpoints.table && connection === stage.connection) return undefined;
  const parameters = new Parameters();
  const columns = [...new Set([batch, ...claims.map(({ column }) => column)])];
  const names = columns.map((column) => of('c', column)).join(', ');
  const text = checkpoints.table
    ? newestOf(asked, checkpoints, stage, names, parameters)
    : `SELECT ${names} FROM ${queried(checkpoints)}
 WHERE ${ofStage(asked, stage, parameters)}`;
  const called = checkpoints.table ? 'the table of the checkpoints' : calledClaims;
  return { rows: { called, ...by(connection), text, values: parameters.values }, once: batch };
}

/** The claims of the stage: `batch`, and each claim as `claimed_NAME`. */
export function claimsIn(
  asked: AskedClaims,
  stage: PipelineStage,
  claims: readonly Claim[],
  read: SqlRead | undefined,
  parameters: Parameters,
): string {
  const { checkpoints } = asked.data;
  const columns = (of: (column: string) => string): string =>
    [
      `${of(checkpoints.batch)}::bigint AS batch`,
      ...claims.map(({ name, column, claimed }) => `${claimed(of(column))} AS claimed_${name}`),
    ].join(', ');
  if (read) {
    const fields = columns((name) => `(c.claim ->> ${parameters.of(name, 'text')})`);
    return `SELECT ${fields}
    FROM jsonb_array_elements(${parameters.answerOf(read)} -> 'rows') AS c (claim)`;
  }
  const names = columns((name) => of('c', name));
  return newestOf(asked, checkpoints as CheckpointTable, stage, names, parameters);
}

/** What people call the declared query. */
export const calledClaims = 'the query of the checkpoints';

/** The declared query as a table `c`. A comment at its end ends with its line. */
export function queried({ query }: CheckpointQuery): string {
  return `(\n${query}\n) c`;
}

/** One claim for each batch: where there are several, the newest. */
function newestOf(
  asked: AskedClaims,
  { table, batch, order }: CheckpointTable,
  stage: PipelineStage,
  columns: string,
  parameters: Parameters,
): string {
  const newest = order === undefined ? '' : `, ${of('c', order)} DESC`;
  return `SELECT DISTINCT ON (${of('c', batch)}) ${columns}
    FROM ${quotedTable(table)} c
   WHERE ${ofStage(asked, stage, parameters)}
   ORDER BY ${of('c', batch)}${newest}`;
}

function ofStage(asked: AskedClaims, stage: PipelineStage, parameters: Parameters): string {
  const { checkpoints } = asked.data;
  return `${inDataset(asked, checkpoints, 'c', parameters)}
     AND ${of('c', checkpoints.stage)} = ${parameters.of(stage.name)}`;
}
