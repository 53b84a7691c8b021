import type { JobFault, JobState } from '../../common/answers.js';
import { plainDecimal } from '../../common/decimal.js';
import { duration } from '../../common/times.js';
import type { Json } from '../../language/json.js';
import { field } from '../../language/objects.js';
import {
  isClaimed,
  tableWords,
  type PipelineData,
  type PipelineStage,
} from '../../language/pipeline.js';
import { ProcedureStopped } from '../engine/outcome.js';
import { claimedSums } from './queries/claims.js';

/*
 * What the probes answered, and the decisions that follow from it. Pure functions: the same
 * answers, the same decision.
 */

/** Why a job has failed; `isPoison` is the `poison` of a program's answer. */
type JobError = Omit<JobFault, 'poison'> & { isPoison: boolean };

export interface JobStatus {
  id: string;
  status: JobState;
  stage: string | null;
  error: JobError | null;
  /** What it has left undone, where its orchestrator tells that. */
  undone?: string[];
  /** The tasks that have failed, where its orchestrator tells them. */
  failed?: FailedTask[];
  /** The version of the code that it began with, where its orchestrator keeps that. */
  bundle?: string | null;
}

/** A task of a job that has failed. */
export interface FailedTask {
  task: string;
  /** Which of the instances of a mapped task; -1 for a task that is not mapped. */
  index: number;
  /** The number of its last try. */
  tries: number;
}

/**
 * One stage's data against its checkpoints' claims; a row of the query in queries/prove.ts.
 * PostgreSQL's bigint arrives as text.
 */
type StageProof = {
  checkpoints: string;
  /** Batch of the newest checkpoint; 0 when the stage has none. */
  last_batch: number;
  /** The newest batch up to which every claim is proved; 0 when none is. */
  good_batch: number;
  bad_batch: number | null;
  /** No checkpoint claims the bad batch, although a later one is claimed. */
  is_gap?: boolean;
  /** Null where no checkpoint claims rows. */
  claimed_rows: string | null;
  actual_rows: string;
  /** In the order of the stage's measures whose sums are claimed. */
  claimed_sums: (string | null)[];
  actual_sums: (string | null)[];
  duplicates: string;
  missing: string;
  /** Keys that the stage before does not have; where no checkpoint claims rows. */
  foreign_keys?: string;
  /** Rows behind the newest checkpoint: a batch that was half written. */
  unclaimed: string;
  /** Each batch with its rows; a batch that is null has rows that name none. */
  rows_by_batch: [batch: number | null, rows: number][];
  /** When its newest row is of, and how many seconds ago that was; where that is declared. */
  newest_row?: string | null;
  newest_row_age?: string | null;
};

export type Proofs = Record<string, { proof: StageProof[] }>;

export type Checkpoint = {
  stage: string;
  /** The last batch to keep; 0 restarts the stage from its beginning. */
  batch: number;
};

export type Choice = {
  checkpoint: Checkpoint;
  /** Stages whose data differs from what their checkpoints claim, or that nobody claims. */
  corrupt: string[];
  verdict: string;
  /**
   * Committed rows behind the checkpoint, in its stage and all later ones: moved to quarantine and
   * processed again, or made anew where the stages are made as a whole.
   */
  rowsAgain: number;
  /** The same, of each of these stages. */
  rowsByStage: Record<string, number>;
  /** Rows of the previous stage that this stage has not processed yet. */
  rowsAhead: number;
  /** Key of a record that the job cannot process; it is set aside. */
  poison: Json[] | null;
};

/**
 * The last checkpoint whose data is proved good: the first corrupt stage decides, else the stage
 * that failed; and of it and of all corrupt stages behind it the one that is good up to the
 * earliest batch.
 * @throws ProcedureStopped when a stage was not proved: a missing answer does not mean zero
 */
export function chooseCheckpoint(data: PipelineData, proofs: Proofs, job: JobStatus): Choice {
  const stages = data.stages.map(({ name }) => name);
  const of = (stage: string): StageProof => proofOf(proofs, stage);
  const corrupt = stages.filter((stage) => isCorrupt(of(stage)));
  const stage = corrupt[0] ?? stages.find((each) => each === job.stage) ?? data.stages[0].name;
  const place = stages.indexOf(stage);
  const rest = stages.slice(place);
  // A later stage may be corrupt in an earlier batch, which has to be made again, too.
  const redone = rest.filter((each) => each === stage || corrupt.includes(each));
  const batch = Math.min(...redone.map((each) => of(each).good_batch));
  const checkpoint = { stage, batch };
  // What is made as a whole is in nobody's way unless it is corrupt.
  const isAgain = isClaimed(data) || corrupt.length > 0;
  const rowsByStage = Object.fromEntries(
    isAgain ? rest.map((each) => [each, rowsBehind(of(each), batch)]) : [],
  );
  return {
    checkpoint,
    corrupt,
    verdict:
      corrupt.length === 0
        ? isClaimed(data)
          ? 'not corrupt: every checkpoint matches its data'
          : 'not corrupt: the keys of every stage match'
        : `corrupt: ${corrupt.map((each) => difference(data, each, of(each))).join('; ')}`,
    rowsAgain: Object.values(rowsByStage).reduce((sum, rows) => sum + rows, 0),
    rowsByStage,
    rowsAhead: place === 0 ? 0 : rowsBehind(of(stages[place - 1] ?? stage), batch),
    poison: poisonOf(data, job.error),
  };
}

/** Rows of the stage that a batch after this one wrote, or that name none. */
function rowsBehind({ rows_by_batch: byBatch }: StageProof, batch: number): number {
  return byBatch
    .filter(([at]) => at === null || at > batch)
    .reduce((sum, [, rows]) => sum + rows, 0);
}

/** What the rows are that a recovery does again, for people. */
export function againWords(data: PipelineData): string {
  return isClaimed(data)
    ? 'rows moved to quarantine and processed again'
    : 'rows of corrupt stages and of all behind them';
}

/** How many rows of which table the choice moves or makes again, in the order of the stages. */
export function rowsByTable(
  data: PipelineData,
  { rowsByStage, rowsAgain }: Choice,
): Record<string, number> {
  if (rowsAgain === 0) return {};
  return Object.fromEntries(
    data.stages
      .filter(({ name }) => Object.hasOwn(rowsByStage, name))
      .map((stage) => [tableWords(stage), rowsByStage[stage.name] ?? 0]),
  );
}

/** The result of the comparison with the source. */
export type Compared = {
  target: { rows: string; sums: (string | null)[]; checksum: string | null }[];
};

/** What the target holds. */
export interface Held {
  rows: number;
  sums: Record<string, string>;
  checksum?: string;
}

/**
 * What the target holds now.
 * @throws ProcedureStopped when nothing was compared: that is not the same as no rows
 */
export function heldRows(data: PipelineData, compared: Compared | null): Held {
  const [target] = (compared as Partial<Compared> | null)?.target ?? [];
  if (typeof target?.rows !== 'string')
    throw new ProcedureStopped(
      'how many rows the target holds is not known: the comparison with the source is not there',
      'The job has completed. Compare the target with its source by hand.',
    );
  const { measures } = data.stages.at(-1) ?? data.stages[0];
  const sums = measures.map(
    ({ name }, at) => [name, plainDecimal(target.sums[at] ?? '0')] as const,
  );
  return {
    rows: Number(target.rows),
    sums: Object.fromEntries(sums),
    ...(typeof target.checksum === 'string' ? { checksum: target.checksum } : {}),
  };
}

/** Whether going on from this checkpoint changes anything besides restarting the job. */
export function changesData(choice: Choice): boolean {
  return choice.corrupt.length > 0 || choice.rowsAgain > 0 || choice.poison !== null;
}

/** The key of the record, by the columns of the first stage; null when it cannot be set aside. */
function poisonOf({ stages, setAside }: PipelineData, error: JobError | null): Json[] | null {
  if (!setAside || !error?.isPoison || !error.record) return null;
  const { record } = error;
  const key = stages[0].key.map((column) => field(record, column));
  const isWhole = key.every((each) => typeof each === 'number' || typeof each === 'string');
  return isWhole ? key : null;
}

/** @throws ProcedureStopped when it is not there, or not all of it */
function proofOf(proofs: Proofs, stage: string): StageProof {
  // A person may have skipped the step, or marked it done; then it has other output, or none.
  const answer = proofs[stage] as { proof?: Partial<StageProof>[] } | null | undefined;
  const [proof] = answer?.proof ?? [];
  const isWhole =
    typeof proof?.good_batch === 'number' &&
    proof.bad_batch !== undefined &&
    typeof proof.unclaimed === 'string' &&
    Array.isArray(proof.rows_by_batch);
  if (isWhole) return proof as StageProof;
  throw new ProcedureStopped(
    `whether stage ${stage} is corrupt is not known: its proof ` +
      `${proof ? 'lacks what decides' : 'is not there'}`,
    'Nothing was changed after it. Was the step skipped, or done by hand? Start the runbook ' +
      'again, and let it prove every stage.',
  );
}

/** What a stage's proof says. @throws ProcedureStopped when it is not there */
export function proofWords(
  data: PipelineData,
  proofs: Proofs,
  stage: string,
): { isGood: boolean; words: string } {
  const proof = proofOf(proofs, stage);
  if (isCorrupt(proof)) return { isGood: false, words: difference(data, stage, proof) };
  const { checkpoints, actual_rows: rows } = proof;
  const words = isClaimed(data)
    ? `${checkpoints} checkpoints, the newest of ${rows} rows`
    : `${rows} rows`;
  return { isGood: true, words };
}

/** Whether new rows still come to a stage; undefined where nobody has declared what tells it. */
export function freshnessOf(
  stage: PipelineStage,
  proofs: Proofs,
): { isFresh: boolean; words: string } | undefined {
  const { fresh, name } = stage;
  if (!fresh) return undefined;
  const { newest_row: newest, newest_row_age: age } = proofOf(proofs, name);
  const allowed = `it may be ${duration(fresh.withinMs)} old`;
  if (newest === undefined || newest === null || age === undefined || age === null)
    return { isFresh: false, words: `there is no row; ${allowed}` };
  const ageMs = Math.max(0, Number(age) * 1_000);
  const words = `the newest row is of ${newest}, ${duration(ageMs)} ago; ${allowed}`;
  return { isFresh: ageMs <= fresh.withinMs, words };
}

function isCorrupt({ bad_batch: bad, unclaimed }: StageProof): boolean {
  return bad !== null || unclaimed !== '0';
}

function difference(data: PipelineData, name: string, proof: StageProof): string {
  if (proof.bad_batch === null)
    return (
      `${name} behind batch ${proof.last_batch} ` +
      `(${proof.unclaimed} rows that no checkpoint claims)`
    );
  if (proof.is_gap)
    return (
      `${name} from batch ${proof.bad_batch} on (no ` +
      `checkpoint claims batch ${proof.bad_batch})`
    );
  const stage = data.stages.find((each) => each.name === name);
  const sums = stage ? claimedSums({ data }, stage) : [];
  const parts = [
    ...(proof.claimed_rows === null ? [] : [['rows', proof.claimed_rows, proof.actual_rows]]),
    ...sums.map((sum, at) => [`sum of ${sum}`, proof.claimed_sums[at], proof.actual_sums[at]]),
  ].flatMap(([what, ...numbers]) => {
    const [claimed, actual] = numbers.map((each) => plainDecimal(each ?? '0'));
    return claimed === actual ? [] : [`${what} ${actual}, claimed ${claimed}`];
  });
  if (proof.duplicates !== '0') parts.push(`${proof.duplicates} keys twice`);
  if (proof.missing !== '0') parts.push(`${proof.missing} keys missing`);
  if ((proof.foreign_keys ?? '0') !== '0') parts.push(`${proof.foreign_keys} keys foreign`);
  const from = isClaimed(data) ? ` from batch ${proof.bad_batch} on` : '';
  return `${name}${from} (${parts.join(', ') || 'contents differ'})`;
}
