import type { Json } from '../../../language/json.js';
import type { SqlAction, SqlRead, SqlStatement } from '../../../language/kinds/sql.js';
import type {
  BatchStage,
  ClaimedData,
  DeclaredTable,
  PipelineData,
  PipelineStage,
} from '../../../language/pipeline.js';
import { quoted } from '../../../language/sql-name.js';

/*
 * What the statements on a pipeline's database are made of. Names are quoted, values are
 * parameters: nothing that is declared or answered becomes SQL text otherwise.
 */

/** The values of one statement, behind what is read before it. */
export class Parameters {
  readonly values: Json[] = [];

  /** @param reads in their order */
  constructor(private readonly reads: readonly SqlRead[] = []) {}

  /** A parameter with this value, as SQL text. @param type which the place does not decide */
  of(value: Json, type?: 'text' | 'text[]' | 'bigint'): string {
    this.values.push(value);
    const place = this.reads.length + this.values.length;
    return `$${place}${type === undefined ? '' : `::${type}`}`;
  }

  /** The answer of a read, as SQL text of type jsonb. */
  answerOf(read: SqlRead): string {
    return `$${this.reads.indexOf(read) + 1}::jsonb`;
  }
}

/** A statement on one connection of the pipeline, and what is read before it. */
export type Question = Pick<SqlAction, 'connection' | 'reads' | 'statements'>;

/** By which connection, where it is not that of the target itself. */
export function by(connection: string | undefined): { connection?: string } {
  return connection === undefined ? {} : { connection };
}

/** The question, without what it does not need. */
export function questionOf(
  connection: string | undefined,
  reads: readonly SqlRead[],
  statement: SqlStatement,
): Question {
  return {
    ...by(connection),
    ...(reads.length === 0 ? {} : { reads }),
    statements: [statement],
  };
}

/** What is asked about: a dataset of a pipeline, or all its data where it has no datasets. */
export interface Asked {
  data: PipelineData;
  dataset: string | null;
}

/** The same of data whose checkpoints say what is done. */
export interface AskedClaims extends Asked {
  data: ClaimedData;
}

/** A column of the table that the statement calls `alias`. */
export function of(alias: string, column: string): string {
  // eslint-disable-next-line layers/step-paths -- a column of a table
  return `${alias}.${quoted(column)}`;
}

/** Whether the row belongs to the dataset. @param alias of the table in the statement */
export function inDataset(
  { data, dataset }: Asked,
  { dataset: own }: Pick<DeclaredTable, 'dataset'>,
  alias: string,
  parameters: Parameters,
): string {
  const column = own ?? data.dataset;
  return column === undefined ? 'true' : `${of(alias, column)} = ${parameters.of(dataset)}`;
}

/** The stage of this name, and all behind it. */
export function stagesFrom({ data }: AskedClaims, name: string): BatchStage[] {
  return data.stages.slice(data.stages.findIndex((each) => each.name === name));
}

/** Whether the row is behind the batch; a row without a batch is behind every one. */
export function isBehind(alias: string, column: string, batch: number, parameters: Parameters) {
  const place = of(alias, column);
  return `(${place} > ${parameters.of(batch, 'bigint')} OR ${place} IS NULL)`;
}

/**
 * A number of 60 bits for a row, from its key and its measures. Their sum does not depend on the
 * order of rows; docs/adopt/job-api.md says how a pipeline claims the same.
 */
export function rowHash(alias: string, { key, measures }: PipelineStage): string {
  const texts = [...key, ...measures.map(({ column }) => column)].map(
    (column) => `coalesce(${of(alias, column)}::text, '')`,
  );
  return `('x' || substr(md5(${texts.join(` || ':' || `)}), 1, 15))::bit(60)::bigint`;
}
