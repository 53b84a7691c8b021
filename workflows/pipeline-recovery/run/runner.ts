import type { Json } from '../../../language/json.js';
import type { PlannedTarget } from '../../../language/plan.js';
import type { Pipeline } from '../../../language/pipeline.js';
import type { Work } from '../../engine/attempts.js';
import type { Checkpoint, JobRow, JobStatus } from '../findings.js';

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
export interface Runner {
  /** Whether a restarted job can be stopped: without, what it goes on writing is not undone. */
  stops: boolean;
  /** The jobs, newest first. */
  jobs(wanted: string | undefined): Question<JobRow[]>;
  /** The state of a job, and what it has logged. */
  look(job: string): Question<JobStatus>;
  /**
   * @param key names this restart for ever
   * @param isCorrupt data behind the checkpoint was found corrupt
   */
  restart(key: string, job: Restarted, from: Checkpoint, isCorrupt: boolean): Doing;
  /** The job that the answer of a restart names. */
  restarted(answer: Json): string;
  /** Makes the restarted job known, so that it can be stopped; null when it already is. */
  hold(job: string): Doing | null;
  follow(job: string, timeoutMs: number): Doing;
  /** The state that the answer of following tells. */
  followed(job: string, answer: Json): JobStatus;
  /** The orchestrator's own validation; null when it has none. */
  validate(dataset: string | null, tolerance: number): Work | null;
}

/** The job that is restarted, as far as a restart depends on it. */
type Restarted = Pick<JobStatus, 'id' | 'error' | 'undone'> & { dataset: string | null };

/** A target whose pipeline is declared. */
export type DeclaredPipeline = PlannedTarget & { pipeline: Pipeline };
