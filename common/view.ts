import type { FailureType } from './failures.js';
import type { About, AnswerVerb, Deciders, QuestionKind } from './questions.js';
import type { Sender } from './sender.js';
import type { ListedWork } from './listed.js';
import type { Json, JsonObject } from '../language/json.js';
import type { FoundProgram } from '../language/plan.js';
import type { StepKind } from '../language/kinds/index.js';
import type { Asked, Effect, Objective, Priority, RunbookType } from '../language/runbook.js';

const ends = [
  'succeeded',
  'succeeded-with-exceptions',
  'failed',
  'rolled-back',
  'rejected',
  'cancelled',
  'terminated',
] as const;

export const runStates = [
  ...(['running', 'waiting', 'needs-operator', 'paused', 'rolling-back'] as const),
  ...ends,
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

/** The final states of a run. */
export const endStates: ReadonlySet<RunState> = new Set(ends);

/** A failure as people read it: what happened, and what to do next. */
export interface Problem {
  type: FailureType;
  message: string;
  /** What to do next. */
  next?: string;
  /** What to type for it, behind the name of the command line. */
  command?: string;
  /** Of a refused start: the input that it is about. */
  input?: string;
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
  /** What the undo does, in words. */
  undo?: string;
  /** Why nothing undoes it, in its author's words. */
  noUndo?: string;
  /** The dead run whose result this step reuses. */
  takenFrom?: string;
  /**
   * Set when a long run has dropped the output: nothing in the run needs it any more, and the
   * record has it.
   */
  outputIn?: 'record';
}

/** A program that a run has run, and whose content has changed. */
export interface ProgramChange {
  /** Path of the step that ran it. */
  step: string;
  /** As the step names it. */
  program: string;
  /** In words: its file, and a short digest. */
  was: string;
  now: string;
  /** Who let it run: the system's programs change with the system. */
  allowed: 'system' | 'people';
}

/** A step that an approval allows, as people are shown it. */
export interface FollowingStep {
  /** Its declared path. */
  step: string;
  title: string;
  kind: StepKind;
  effect: Effect;
  /** The targets that it acts on, each with its environment. */
  targets: string[];
  /** All that it may do. */
  works: readonly ListedWork[];
  /** What people are to do, where they do it by hand. */
  byHand?: string;
  /** What its undo does, in its author's words; absent where the works alone say it. */
  undo?: string;
  /** Why nothing undoes it, in its author's words. */
  noUndo?: string;
  /** How often it is tried, in words. */
  tried: string;
  /** Once it has begun, nothing before it can be undone any more. */
  pointOfNoReturn?: true;
}

/** Something that the run waits for. */
export interface WaitView {
  kind: QuestionKind;
  /** The gate's id, the step's path, or `target:` and a name. */
  id: string;
  title: string;
  since: string;
  deadline: string | null;
  /** In words: who may decide, or what else ends the wait. */
  who: string;
  /** `another`: the requester may not use some of the verbs. */
  deciders: Deciders;
  /** The verbs that answer it; the first is the usual one. */
  verbs: readonly AnswerVerb[];
  attempt: number;
  /** What the approval covers; sent back with the decision. */
  digest: string;
  /** What the approver is shown. */
  evidence: JsonObject;
  /** For a gate: the steps that follow its approval, up to the next gate. */
  follows?: readonly FollowingStep[] | undefined;
  /**
   * What the approver has to type. Absent: nothing, or the view comes from the record, which does
   * not keep it.
   */
  confirm?: string | undefined;
  /**
   * Names of the output of a step that later steps need. Absent: none, or the view comes from the
   * record.
   */
  answers?: readonly string[] | undefined;
  /** What may be answered, as it is declared; absent as above. */
  fields?: Asked | undefined;
  /** The command of the usual answer. */
  command: string;
}

export interface DecisionView {
  id: string;
  verb: string;
  /** The question that it answers; null when it is about the run as a whole. */
  about: About | null;
  by: string;
  /** Absent: not stated. */
  sender?: Sender;
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
  /** Of the start. Absent: not stated. */
  sender?: Sender;
  reason: string;
  inputs: JsonObject;
  uiUrl: string | null;
  steps: StepView[];
  waitingFor: WaitView[];
  decisions: DecisionView[];
  outputs: JsonObject;
  /** Paths that a rollback would undo now, in that order; absent when not known. */
  undos?: string[];
  /**
   * Results reused from a dead run that were probed: those that still hold, and those that do not.
   */
  probed?: string[];
  drifted?: string[];
  /** Programs that had changed when a step ran them, in that order. Absent: none. */
  programsChanged?: ProgramChange[];
  /** Set when the run is a drill. */
  drill?: true;
  /**
   * The result of a recovery; absent until it is known, and for runs that recover nothing.
   */
  recovery?: RecoveryView;
  /** Why the run ended as it did, for failed, rejected and cancelled runs. */
  problem: Problem | null;
  /**
   * Ends after which the run went on; absent: none, or the view comes from the run itself, which
   * does not know them.
   */
  formerEnds?: FormerEnd[];
  /** Where this view comes from. */
  source: 'temporal' | 'record';
}

/**
 * `lost`: its worker died, or fell silent and was replaced; its late reports are refused.
 * `unknown`: it may have had its effect, and its outcome cannot be known.
 */
export type AttemptState =
  'running' | 'succeeded' | 'failed' | 'cancelled' | 'timed-out' | 'unknown' | 'lost';

/** One try of a step, as the record keeps it. */
export interface AttemptView {
  /** Path of the step; an undo has the path of the step that it undoes. */
  step: string;
  title: string;
  kind: StepKind;
  effect: Effect;
  /** From 1, counted apart for the step and for its undo. */
  attempt: number;
  state: AttemptState;
  /** True for an attempt of the step's undo. */
  undo: boolean;
  host: string;
  /** The worker that had it last. */
  worker: string;
  /** How often another worker took it over from one that died or stopped. Absent: never. */
  takeOvers?: number;
  /** Temporal's own count for the activity, when it is not the first. Absent: 1. */
  temporalAttempt?: number;
  startedAt: string;
  endedAt: string | null;
  output: Json;
  error: Problem | null;
  /** What it was asked to do, in lines for people. Absent: a release before began it. */
  does?: string[];
  /** Programs that it found. Absent: none. */
  programs?: FoundProgram[];
  /**
   * What the attempt wrote to stdout, stderr and its log; null until it ended, or when it wrote
   * nothing.
   */
  written: OutputTotals | null;
}

export interface OutputTotals {
  /** All bytes that were written, kept or not. */
  bytes: number;
  /** Hex SHA-256 over everything that was written. */
  sha256: string;
  /** True when not all of it was kept. */
  truncated: boolean;
}

/** One line of a run's timeline; `until` is set for those that last. */
export interface TimelineEntry {
  at: string;
  until: string | null;
  kind: 'start' | 'attempt' | 'undo' | 'wait' | 'decision' | 'ack' | 'over' | 'end';
  /** Path of the step, or the gate; null for the run itself. */
  step: string | null;
  attempt: number | null;
  /**
   * attempt and undo: an AttemptState; wait: waiting, approved, rejected, taken-over or closed;
   * decision: its verdict; ack: taken; over: why an end was none; start and end: a RunState.
   */
  state: string;
  /** Who started the run, decided or took a call, as stated. */
  by: string | null;
  /** Where that was sent from. Absent: not stated. */
  sender?: Sender;
  /** The line in words. */
  text: string;
  /** For an attempt and an undo: what it was asked to do, in lines. */
  does?: string[];
  /** For a decision: the whole of it, with the verdict. */
  decision?: DecisionView;
  /** For a wait: what the approver was shown. */
  evidence?: JsonObject;
  /** For a wait: of the whole question; a decision about another one is refused. */
  digest?: string;
  /** For a gate: the steps that its approval lets happen. */
  follows?: readonly FollowingStep[];
}

/** Measured RTO and RPO, in milliseconds, compared with the objective. */
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
   * ISO times: of the failure, of the newest accepted change that was recovered, and when the
   * system was healthy again.
   */
  failedAt: string;
  recoveredTo: string;
  healthyAt: string;
  services: Record<string, ReachedView>;
  /**
   * Objectives of services that were not measured, because this system does not have them. Absent:
   * none.
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
type WaitSummary = Pick<
  WaitView,
  'kind' | 'id' | 'title' | 'since' | 'who' | 'deciders' | 'verbs' | 'command'
> & {
  /** Who is at it. Absent, or null: nobody has said so. */
  takenBy?: string | null;
};

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
  /** Steps that it has left changed, where it did not end as it was meant to. Absent: none. */
  left?: number;
  /** Path of a step that runs or waits now. */
  step: string | null;
  waitingFor: WaitSummary[];
}

/** An end that a run had recorded before it went on, or before it recorded another one. */
export interface FormerEnd {
  state: RunState;
  /** ISO time. */
  endedAt: string;
  problem: Problem | null;
  outputs: JsonObject;
  /** When the run went on, or recorded the other end, as an ISO time. */
  overAt: string;
  /**
   * `reset`: somebody reset the run in Temporal. `missed`: the record had closed the run because
   * Temporal did not have it. `replaced`: the same execution recorded another end.
   */
  why: 'reset' | 'missed' | 'replaced';
  /** Of a reset, as Temporal has it. Null: not known yet. Empty: Temporal does not say. */
  reason: string | null;
}
