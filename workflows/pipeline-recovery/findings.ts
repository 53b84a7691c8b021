import { stages, type Stage } from './spec.js';
import type { JsonObject } from '../../language/json.js';
import { ProcedureStopped } from '../engine/outcome.js';

/*
 * What the probes answered, and the decisions that follow from it. Pure functions: the same
 * answers, the same decision.
 */

/** A row of the job table. PostgreSQL's bigint arrives as text. */
export type JobRow = {
  id: string;
  status: string;
  stage: string | null;
  dataset_id: string;
  created_at: string;
};

/** One stage's data against its checkpoints' claims; a row of the query in queries.ts. */
type StageProof = {
  checkpoints: string;
  /** Batch of the newest checkpoint; 0 when the stage has none. */
  last_batch: number;
  /** The newest batch up to which every claim is proved; 0 when none is. */
  good_batch: number;
  bad_batch: number | null;
  claimed_rows: string;
  actual_rows: string;
  claimed_distance: string;
  actual_distance: string;
  duplicates: string;
  missing: string;
  /** Committed rows of batch 1, 2, …: gives the rows behind any checkpoint. */
  rows_by_batch: number[];
};

export type Proofs = Record<string, { proof: StageProof[] }>;

export type Checkpoint = {
  stage: Stage;
  /** The last batch to keep; 0 restarts the stage from its beginning. */
  batch: number;
};

export type Choice = {
  checkpoint: Checkpoint;
  /** Stages whose committed data differs from what their checkpoints claim. */
  corrupt: string[];
  verdict: string;
  /**
   * Committed rows behind the checkpoint, in its stage and all later ones: moved to quarantine and
   * processed again.
   */
  rowsAgain: number;
  /** Rows of the previous stage that this stage has not processed yet. */
  rowsAhead: number;
  /** Key of a record that the job cannot process; it is set aside. */
  poison: number | null;
};

/**
 * The job to recover: the one asked for, or the newest failed one whose dataset no later job has
 * touched. The newest job of a dataset decides, because a failed job stays failed in the table even
 * when another one has continued its work.
 * @param jobs newest first
 * @throws ProcedureStopped when there is none to recover
 */
export function failedJob(jobs: readonly JobRow[], wanted: string | undefined): JobRow {
  const failed = jobs.filter(({ status }) => status === 'failed');
  const job =
    wanted === undefined
      ? failed.find((each) => sinceOf(each, jobs)?.status !== 'completed')
      : jobs.find(({ id }) => id === wanted);
  if (!job) {
    const none =
      failed.length === 0
        ? 'no job failed in the last 24 hours'
        : 'every job that failed in the last 24 hours was recovered since';
    throw new ProcedureStopped(
      wanted === undefined ? none : `this pipeline has no job ${wanted}`,
      wanted === undefined
        ? 'Nothing was changed. An older job can be named with --input job=ID.'
        : 'Nothing was changed. Look at the jobs of the pipeline for the right ID.',
    );
  }
  if (job.status !== 'failed') {
    throw new ProcedureStopped(
      `job ${job.id} is ${job.status}, not failed`,
      'Nothing was changed: there is nothing to recover.',
    );
  }
  const busy = jobs.find((each) => isUnderWay(each) && each.dataset_id === job.dataset_id);
  if (busy) {
    throw new ProcedureStopped(
      `job ${busy.id} already works on dataset ${job.dataset_id}`,
      'Nothing was changed. Wait for that job, or stop it.',
    );
  }
  const since = sinceOf(job, jobs);
  if (since?.status === 'completed') {
    throw new ProcedureStopped(
      `job ${job.id} failed, and job ${since.id} has completed dataset ${job.dataset_id} since`,
      'Nothing was changed: there is nothing to recover.',
    );
  }
  if (since) {
    throw new ProcedureStopped(
      `job ${job.id} failed, and since then job ${since.id} of the same dataset has failed too`,
      `Nothing was changed. Recover that one: --input job=${since.id}`,
    );
  }
  return job;
}

function isUnderWay({ status }: JobRow): boolean {
  return status === 'running' || status === 'queued';
}

/**
 * The newest later job that changed the dataset; one that was stopped left it unchanged.
 */
function sinceOf(job: JobRow, jobs: readonly JobRow[]): JobRow | undefined {
  const newest = jobs.find(
    ({ dataset_id, status }) => dataset_id === job.dataset_id && status !== 'stopped',
  );
  return newest === job ? undefined : newest;
}

/**
 * The last checkpoint whose data is proved good: the first corrupt stage decides, else the stage
 * that failed.
 * @throws ProcedureStopped when a stage was not proved: a missing answer does not mean zero
 */
export function chooseCheckpoint(proofs: Proofs, job: JobStatus): Choice {
  const of = (stage: Stage): StageProof => proofOf(proofs, stage);
  const corrupt = stages.filter((stage) => of(stage).bad_batch !== null);
  const stage = corrupt[0] ?? stages.find((each) => each === job.stage) ?? stages[0];
  const batch = of(stage).good_batch;
  const behind = (each: Stage): number =>
    of(each)
      .rows_by_batch.slice(batch)
      .reduce((sum, rows) => sum + rows, 0);
  const place = stages.indexOf(stage);
  return {
    checkpoint: { stage, batch },
    corrupt,
    verdict:
      corrupt.length === 0
        ? 'not corrupt: every checkpoint matches its data'
        : `corrupt: ${corrupt.map((each) => difference(each, of(each))).join('; ')}`,
    rowsAgain:
      corrupt.length === 0 ? 0 : stages.slice(place).reduce((sum, each) => sum + behind(each), 0),
    rowsAhead: place === 0 ? 0 : behind(stages[place - 1] ?? stage),
    poison: poisonOf(job.error),
  };
}

/** The result of the comparison with the source. */
export type Compared = { target: { rows: number; sum_distance: string }[] };

/**
 * How many rows the target holds now.
 * @throws ProcedureStopped when nothing was compared: that is not the same as no rows
 */
export function comparedRows(compared: Compared | null): Compared['target'][number] {
  const [target] = (compared as Partial<Compared> | null)?.target ?? [];
  if (typeof target?.rows === 'number') return target;
  throw new ProcedureStopped(
    'how many rows the target holds is not known: the comparison with the source is not there',
    'The job has completed. Compare the target with its source by hand.',
  );
}

/** Whether going on from this checkpoint changes anything besides restarting the job. */
export function changesData(choice: Choice): boolean {
  return choice.corrupt.length > 0 || choice.poison !== null;
}

function poisonOf(error: JobError | null): number | null {
  const seq = error?.code === 'poison-record' ? error.record?.['seq'] : undefined;
  return typeof seq === 'number' ? seq : null;
}

/** @throws ProcedureStopped when it is not there, or not all of it */
function proofOf(proofs: Proofs, stage: Stage): StageProof {
  // A person may have skipped the step, or marked it done; then it has other output, or none.
  const answer = proofs[stage] as { proof?: Partial<StageProof>[] } | null | undefined;
  const [proof] = answer?.proof ?? [];
  const isWhole =
    typeof proof?.good_batch === 'number' &&
    proof.bad_batch !== undefined &&
    Array.isArray(proof.rows_by_batch);
  if (isWhole) return proof as StageProof;
  throw new ProcedureStopped(
    `whether stage ${stage} is corrupt is not known: its proof ${proof ? 'lacks what decides' : 'is not there'}`,
    'Nothing was changed after it. Was the step skipped, or done by hand? Start the runbook again, and let it prove every stage.',
  );
}

function difference(stage: string, proof: StageProof): string {
  const parts = [
    [proof.claimed_rows, proof.actual_rows, 'rows'],
    [proof.claimed_distance, proof.actual_distance, 'sum of distances'],
  ].flatMap(([claimed, actual, what]) =>
    claimed === actual ? [] : [`${what} ${actual}, claimed ${claimed}`],
  );
  if (proof.duplicates !== '0') parts.push(`${proof.duplicates} keys twice`);
  if (proof.missing !== '0') parts.push(`${proof.missing} keys missing`);
  return `${stage} from batch ${proof.bad_batch} on (${parts.join(', ') || 'contents differ'})`;
}

type JobError = { code: string; message: string; record: JsonObject | null };
export type JobStatus = {
  id: string;
  status: string;
  stage: string | null;
  error: JobError | null;
  progress: { stage: string; batch: number; batches: number; rows: number } | null;
};
