import type { Condition } from '../language/condition.js';
import type { Json, JsonObject } from '../language/json.js';
import type { Program } from '../language/plan.js';
import type { CheckAction } from '../language/kinds/check.js';
import type { Action, StepKind } from '../language/kinds/index.js';
import type { Effect } from '../language/runbook.js';
import type { RunKey } from './keys.js';

/** An answer of a step that the run builds on. */
export interface BuiltOn {
  path: string;
  /** The attempt that the step reported; 0 when it did not succeed. */
  attempt: number;
  /** Of its output; null when it did not succeed: then no attempt of it may still run. */
  digest: string | null;
}

/** What a step builds on: the record has to confirm it before the step begins. */
export interface Builds {
  answers: BuiltOn[];
  /** Ids of decisions that were judged good. */
  decisions: string[];
  /** Id of the decision to go on although the record did not confirm it. */
  despite?: string;
}

/**
 * What the engine asks a worker to do: one attempt of one step. Versioned, because worker and run
 * may be of different releases.
 */
export interface AttemptRequest<A extends Action = Action> {
  version: 1;
  key: RunKey;
  step: { path: string; title: string; kind: StepKind; effect: Effect };
  action: A;
  /** Must hold on the output, or the attempt fails for good with `otherwise`. */
  expect: readonly Expectation[];
  /** The outputs of the step, from its whole answer. Absent: all that it answers. */
  outputs?: Readonly<Record<string, Condition>>;
  /** The step's failure is an answer, too. */
  capture?: true;
  /** Polled after the action, in the same attempt, until it holds. */
  verify?: CheckAction | undefined;
  /**
   * Holds when, and only when, the effect is there; asked when the outcome of an attempt is
   * unknown.
   */
  check?: CheckAction | undefined;
  /** Attempts in all before the step fails. */
  attempts: number;
  /**
   * Limit of attempts when one may have had its effect; `attempts` unless given.
   */
  attemptsOnceActed: number;
  /** Milliseconds that one attempt may take. */
  timeoutMs: number;
  /** ISO time at which the step's turn came, where its condition or its values read the time. */
  now?: string;
  /**
   * The step failed because the run had lost a target, and a person allows it to acquire the target
   * again when it is free.
   */
  retakeLease?: boolean;
  builds: Builds;
  /** Programs that the attempt may run, as the run knows them; there may be several of one name. */
  programs?: readonly Program[];
  /**
   * A host whose workers did not re-attach in time: the attempt no longer waits for what was
   * started there.
   */
  hostGone?: string | undefined;
}

export interface Expectation {
  condition: Condition;
  /** What it means for people when the condition does not hold. */
  otherwise: string;
  next?: string;
}

export interface AttemptResult {
  output: Json;
  /** Which attempt this was, from 1. */
  attempt: number;
  /** Programs that it ran and that the request does not name as such. */
  programs?: readonly Program[];
}

/** The details of a failure of type OnAnotherHost: the host to ask instead. */
export interface OtherHost extends JsonObject {
  /** Id of the host, which names its queue. */
  id: string;
  /** Its name for people. */
  name: string;
}

/** The only detail of a step's ApplicationFailure. */
export interface FailureDetail extends JsonObject {
  next: string | null;
  /** What to type for it, behind the name of the command line. Absent: nothing. */
  command?: string;
  attempt: number;
  details: JsonObject;
  /** Programs that it ran, as in AttemptResult. Absent: none. */
  programs?: JsonObject[];
}
