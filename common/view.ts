import type { FailureType } from './failures.js';
import type { Json, JsonObject } from '../language/json.js';
import type { Program } from '../language/plan.js';
import type { Effect, Objective, Priority, RunbookType, StepKind } from '../language/runbook.js';

export const runStates = [
  'running',
  'waiting',
  'needs-operator',
  'paused',
  'rolling-back',
  'succeeded',
  'succeeded-with-exceptions',
  'failed',
  'rolled-back',
  'rejected',
  'cancelled',
  'terminated',
] as const;
export type RunState = (typeof runStates)[number];

export const stepStates = [
  'pending',
  'waiting',
  'running',
  'succeeded',
  'failed',
  'needs-operator',
  'unknown',
  'skipped',
  'done-by-hand',
  'not-needed',
  'undoing',
  'undone',
] as const;
export type StepState = (typeof stepStates)[number];

/** States from which a run does not move again. */
export const endStates: ReadonlySet<RunState> = new Set([
  'succeeded',
  'succeeded-with-exceptions',
  'failed',
  'rolled-back',
  'rejected',
  'cancelled',
  'terminated',
]);

/** A failure as people read it: what happened, and what to do next. */
export interface Problem {
  type: FailureType;
  message: string;
  next?: string;
}

export interface StepView {
  /** Path: `identify` or `identify/jobs`. */
  id: string;
  title: string;
  kind: StepKind;
  effect: Effect;
  state: StepState;
  attempts: number;
  startedAt: string | null;
  endedAt: string | null;
  output: Json;
  error: Problem | null;
  /** What can be taken back, in words. */
  undo?: string;
  /** The run whose result this is, when the step was taken over from it. */
  takenFrom?: string;
  /**
   * Set when a long run has left the output behind: nothing in it needs the output any more, and
   * the record has it.
   */
  outputIn?: 'record';
}

/** A program that a run has run, and that held something else before. */
export interface ProgramChange {
  /** Path of the step that ran it. */
  step: string;
  /** As the step names it. */
  program: string;
  /** In words: where it was, and the beginning of its digest. */
  was: string;
  now: string;
  /** Who let it run: the system's programs change with the system. */
  allowed: 'system' | 'people';
}

/** Something that the run waits for. */
export interface WaitView {
  /**
   * `failure`: a step failed, and its answer comes from the desk. `manual`: people do the step.
   * `lease`: another run holds a target.
   */
  kind: 'approval' | 'failure' | 'manual' | 'lease';
  /** The gate's id, the step's path, or `target:` and a name. */
  id: string;
  title: string;
  since: string;
  deadline: string | null;
  /** In words: who may decide. */
  who: string;
  attempt: number;
  /** What the approval covers; sent back with the decision. */
  digest: string;
  /** What the approver is shown. */
  evidence: JsonObject;
  /**
   * What the approver has to type; absent: nothing, or the record was asked, which does not keep
   * it.
   */
  confirm?: string | undefined;
  /** The exact command that approves, does the failed step again, or takes the target over. */
  command: string;
}

export interface DecisionView {
  id: string;
  verb: string;
  gate: string | null;
  by: string;
  reason: string;
  at: string;
  accepted: boolean;
  code: string;
  message: string;
}

/**
 * A run as `status --output json` prints it; the query `status` returns it, and the record can
 * rebuild it.
 */
export interface RunView {
  id: string;
  /**
   * Temporal's first run id: survives reset and continue-as-new; with `id` the key of the record.
   */
  firstRunId: string;
  runbook: string;
  runbookVersion: string;
  title: string;
  type: RunbookType;
  priority: Priority;
  targets: string[];
  state: RunState;
  planDigest: string;
  startedAt: string;
  endedAt: string | null;
  requester: string;
  reason: string;
  inputs: JsonObject;
  uiUrl: string | null;
  steps: StepView[];
  waitingFor: WaitView[];
  decisions: DecisionView[];
  outputs: JsonObject;
  /** Paths that would be taken back now, in that order; absent when it is not known. */
  undos?: string[];
  /**
   * Results taken over from a dead run that were looked at again: those that hold, and those that
   * no longer do.
   */
  probed?: string[];
  drifted?: string[];
  /** Programs that were not the same any more when a step ran them, in that order. Absent: none. */
  programsChanged?: ProgramChange[];
  /** Set when the run is a drill. */
  drill?: true;
  /**
   * What came of the recovery that the run is; absent until it is known, and for runs that recover
   * nothing.
   */
  recovery?: RecoveryView;
  /** Why the run ended as it did, for failed, rejected and cancelled runs. */
  problem: Problem | null;
  /** Where this view was read. */
  source: 'temporal' | 'record';
}

/**
 * `lost`: its worker died, or fell silent and was replaced; what it still reports is refused.
 * `unknown`: it may have acted, and nobody can know.
 */
export type AttemptState =
  'running' | 'succeeded' | 'failed' | 'cancelled' | 'timed-out' | 'unknown' | 'lost';

/** One try of a step, as the record keeps it. */
export interface AttemptView {
  /** Path of the step; an undo counts under the step that it takes back. */
  step: string;
  title: string;
  kind: StepKind;
  effect: Effect;
  /** From 1, counted apart for the step and for its undo. */
  attempt: number;
  state: AttemptState;
  /** True for an attempt to take the step back. */
  undo: boolean;
  host: string;
  worker: string;
  startedAt: string;
  endedAt: string | null;
  output: Json;
  error: Problem | null;
  /** That it ran; absent: none, or it was done by an earlier release. */
  programs?: Program[];
  /**
   * What the attempt wrote to stdout, stderr and its log; null until it ended, or when it wrote
   * nothing.
   */
  written: OutputTotals | null;
}

export interface OutputTotals {
  /** Everything that was written, kept or not. */
  bytes: number;
  /** Hex SHA-256 over everything that was written. */
  sha256: string;
  /** True when not all of it was kept. */
  truncated: boolean;
}

/** One line of a run's story; those that last have an end. */
export interface TimelineEntry {
  at: string;
  until: string | null;
  kind: 'start' | 'attempt' | 'undo' | 'wait' | 'decision' | 'end';
  /** Path of the step, or the gate; null for the run itself. */
  step: string | null;
  attempt: number | null;
  /**
   * attempt and undo: an AttemptState; wait: waiting, approved, rejected, taken-over or closed;
   * decision: its verdict; start and end: a RunState.
   */
  state: string;
  /** Who started the run, or decided. */
  by: string | null;
  /** The line in words. */
  text: string;
  /** For a wait: what the approver was shown. */
  evidence?: JsonObject;
}

/** What was reached, in milliseconds, against what was to be reached. */
export interface ReachedView {
  rtoMs: number;
  rpoMs: number;
  /** Null where there is no objective. */
  objective: Objective | null;
  /** True when both were reached; null where there is no objective. */
  met: boolean | null;
}

/** A recovery, measured. */
export interface RecoveryView extends ReachedView {
  /**
   * ISO times: of the failure, of the newest accepted change that was recovered, and when all was
   * well again.
   */
  failedAt: string;
  recoveredTo: string;
  healthyAt: string;
  services: Record<string, ReachedView>;
  /**
   * What was to be reached for services that were not measured: this system has none of them.
   * Absent: there are none.
   */
  unmeasured?: Record<string, Objective>;
  /**
   * Where the time between failure and health went, in milliseconds; the parts add up to `rtoMs`.
   */
  spent: Record<RecoveryClock, number>;
}

export const recoveryClocks = ['detect', 'decide', 'approve', 'execute', 'verify'] as const;
export type RecoveryClock = (typeof recoveryClocks)[number];

/** A run in a list. */
export interface RunSummary {
  id: string;
  firstRunId: string;
  runbook: string;
  title: string;
  priority: Priority;
  targets: string[];
  state: RunState;
  requester: string;
  reason: string;
  /** Set when the run is a drill. */
  drill?: true;
  startedAt: string;
  endedAt: string | null;
  /** Path of a step that runs or waits now. */
  step: string | null;
  waitingFor: { id: string; title: string; since: string; who: string; command: string }[];
}
