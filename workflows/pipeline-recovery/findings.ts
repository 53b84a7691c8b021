import { stages, type Stage } from '../../runbooks/pipeline-recovery.js';
import type { JsonObject } from '../../language/json.js';
import { ProcedureStopped } from '../engine/outcome.js';

/*
 * What the probes answered, and the decisions that follow from it. Pure functions: the same answers, the same decision.
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
export type StageProof = {
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
  /** Committed rows of batch 1, 2, …: what lies behind any checkpoint follows from it. */
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
  /** Committed rows behind the checkpoint, in its stage and all later ones: moved to quarantine and processed again. */
  rowsAgain: number;
  /** Rows of the stage before that this stage has not taken in yet. */
  rowsAhead: number;
  /** Key of a record that the job cannot process; it is set aside. */
  poison: number | null;
};

/** The job to recover: the one asked for, or the newest failed. @throws ProcedureStopped when there is none to recover */
export function failedJob(jobs: readonly JobRow[], wanted: string | undefined): JobRow {
  const job =
    wanted === undefined
      ? jobs.find((each) => each.status === 'failed')
      : jobs.find((each) => each.id === wanted);
  if (!job) {
    const what =
      wanted === undefined
        ? 'no job failed in the last 24 hours'
        : `there is no job ${wanted} in the last 24 hours`;
    throw new ProcedureStopped(
      what,
      'Nothing was changed. Look at the jobs, or name one with --input job=ID.',
    );
  }
  if (job.status !== 'failed') {
    throw new ProcedureStopped(
      `job ${job.id} is ${job.status}, not failed`,
      'Nothing was changed: there is nothing to recover.',
    );
  }
  const busy = jobs.find((each) => each.status === 'running' && each.dataset_id === job.dataset_id);
  if (busy) {
    throw new ProcedureStopped(
      `job ${busy.id} already works on dataset ${job.dataset_id}`,
      'Nothing was changed. Wait for that job, or stop it.',
    );
  }
  return job;
}

/** The last checkpoint whose data is proved good: the first corrupt stage decides, else the stage that failed. */
export function chooseCheckpoint(proofs: Proofs, job: JobStatus): Choice {
  const of = (stage: string): StageProof | undefined => proofs[stage]?.proof[0];
  const corrupt = stages.filter((stage) => (of(stage)?.bad_batch ?? null) !== null);
  const stage = corrupt[0] ?? stages.find((each) => each === job.stage) ?? stages[0];
  const batch = of(stage)?.good_batch ?? 0;
  const behind = (each: string): number =>
    (of(each)?.rows_by_batch ?? []).slice(batch).reduce((sum, rows) => sum + rows, 0);
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

/** Does going on from here move anything besides restarting the job? */
export function changesData(choice: Choice): boolean {
  return choice.corrupt.length > 0 || choice.poison !== null;
}

function poisonOf(error: JobError | null): number | null {
  const seq = error?.code === 'poison-record' ? error.record?.['seq'] : undefined;
  return typeof seq === 'number' ? seq : null;
}

function difference(stage: string, proof: StageProof | undefined): string {
  if (!proof) return stage;
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

export type JobError = { code: string; message: string; record: JsonObject | null };
export type JobStatus = {
  id: string;
  status: string;
  stage: string | null;
  error: JobError | null;
  progress: { stage: string; batch: number; batches: number; rows: number } | null;
};
