import type { Json } from '../../../language/json.js';
import type { PlannedTarget } from '../../../language/plan.js';
import type { Pipeline } from '../../../language/pipeline.js';
import type { Work } from '../../engine/attempts.js';
import type { Checkpoint, JobStatus } from '../findings.js';
import type { FoundJob, Knowledge } from '../found-jobs.js';

/** What the parts of a group are asked, and what their answers say. */
export interface Question<T> {
  /** By the names of the parts that the runbook declares. */
  parts: Record<string, Work>;
  read: (answers: Record<string, Json>) => T;
}

/** A step and what it does. */
export interface Doing {
  step: string;
  work: Work;
}

/**
 * How a pipeline is run: what its orchestrator can be asked and told. One file each in this folder.
 */
export interface Runner extends Knowledge {
  /** Whether a restarted job can be stopped: without, what it goes on writing is not undone. */
  stops: boolean;
  /** It may try a part of a job again by itself: a job that went well may have spoilt data. */
  triesAgain?: true;
  /** Asks first whether it is what is declared; what is not throws ProcedureStopped. */
  reach?: () => Question<null>;
  /** The jobs, newest first. */
  jobs(wanted: string | undefined): Question<FoundJob[]>;
  /** The state of a job, and what it has logged. */
  look(job: string): Question<JobStatus>;
  /** What it tells of a failed job only when it is asked about what has failed. */
  explain?: (status: JobStatus) => Question<JobStatus>;
  /** Asks what a restart would do, and does nothing. @param corrupt stages that were found so */
  preview?: (job: Restarted, from: Checkpoint, corrupt: readonly string[]) => Question<Preview>;
  /**
   * @param key names this restart for ever
   * @param corrupt stages whose data was found corrupt
   */
  restart(key: string, job: Restarted, from: Checkpoint, corrupt: readonly string[]): Doing;
  /** A restart may leave what is corrupt as it is: the stages are proved again behind it. */
  mayLeaveCorrupt?: (job: Restarted, corrupt: readonly string[]) => boolean;
  /** The job that the answer of a restart names. @param before the job that was restarted */
  restarted(answer: Json, before: string): string;
  /** Makes the restarted job known, so that it can be stopped; null when it already is. */
  hold(job: string): Doing | null;
  follow(job: string, timeoutMs: number): Doing;
  /** The state that the answer of following tells. */
  followed(job: string, answer: Json): JobStatus;
  /** The orchestrator's own validation; null when it has none. */
  validate(dataset: string | null, tolerance: number): Work | null;
}

/** What a restart would do. */
export interface Preview {
  /** As the restart is told. */
  tasks: Json;
  /** For people. */
  evidence: Record<string, string>;
}

/** The job that is restarted, as far as a restart depends on it. */
export type Restarted = Pick<JobStatus, 'id' | 'error' | 'undone' | 'failed' | 'bundle'> & {
  dataset: string | null;
  /** What the preview has told of its tasks. */
  tasks?: Json;
};

/** A target whose pipeline is declared. */
export type DeclaredPipeline = PlannedTarget & { pipeline: Pipeline };
