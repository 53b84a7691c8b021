import type { JsonObject } from '../language/json.js';
import type { RunKey } from './keys.js';

/**
 * One envelope for all requests by people (and later schedules and triggers) to the engine. It is
 * JSON in a signal or a start argument; a signature will cover its fields.
 */
interface Envelope {
  version: 1;
  /** Made by the sender, unique; the same id sent twice is one decision with one answer. */
  id: string;
  /** Workflow id of the run. */
  run: string;
  /** The operator. Proved by `proof` once signatures exist; until then the sender's claim. */
  by: string;
  reason: string;
  /** Room for a signature. */
  proof?: string;
}

/** Asks for a run of a runbook (`start`) or for its plan only (`plan`). */
export interface StartEnvelope extends Envelope {
  verb: 'start' | 'plan';
  runbook: string;
  /** As given: checked and resolved by admission, on a worker. */
  inputs: JsonObject;
  /** The plan digest that the person saw; when given, admission refuses any other. */
  digest?: string;
  /**
   * What a failed step does instead of asking, in a run that nobody attends. Absent: it asks, and
   * waits without limit.
   */
  unattended?: (typeof unattendedWays)[number];
  /** The dead run whose finished steps this one reuses. */
  from?: { run: string; at?: string };
  /** What to do while another run holds a target that this one changes. Default: wait. */
  whenHeld?: WhenHeld;
  /** A drill: on isolated targets only, and undone at the end, however it ends. */
  drill?: true;
  /** In a nested run: the outermost run, whose targets it shares. */
  root?: RunKey;
}

export const unattendedWays = ['abort', 'rollback', 'continue'] as const;
export const whenHeldChoices = ['wait', 'refuse'] as const;
export type WhenHeld = (typeof whenHeldChoices)[number];

/** The answers to a failed step. */
export const deskVerbs = ['retry', 'skip', 'done', 'rollback', 'abort'] as const;
export type DeskVerb = (typeof deskVerbs)[number];
/** Decisions about the whole run; `rollback` and `abort` only when they name no step. */
export const runVerbs = ['cancel', 'pause', 'resume', 'rollback', 'abort'] as const;
export const decisionVerbs = [
  'approve',
  'reject',
  'cancel',
  'pause',
  'resume',
  'take-over',
  ...deskVerbs,
] as const;
export type DecisionVerb = (typeof decisionVerbs)[number];

/** A decision about a live run, sent as the signal `decide`. */
export interface DecisionEnvelope extends Envelope {
  verb: DecisionVerb;
  /** The gate, for approve and reject; the wait for targets, for take-over. */
  gate?: string;
  /** The failed step's path, for the verbs of the failure desk. */
  step?: string;
  /** The output that the step would have had, for `done`. */
  outputs?: JsonObject;
  /** Changed inputs of the run, for `retry`. */
  inputs?: JsonObject;
  /** The attempt of the gate, or of the question at the desk, that the person saw. */
  attempt?: number;
  /** Its digest that the person saw. */
  digest?: string;
  /** For `approve`: what the person typed, where the gate wants the name of what it acts on. */
  confirm?: string;
}

/** The judge's answer to a decision. */
export interface Verdict {
  decision: string;
  accepted: boolean;
  /** Closed list: see `verdictCodes`. */
  code: VerdictCode;
  /** One or two sentences for the person who decided. */
  message: string;
  /** ISO time of the judgement. */
  at: string;
}

export const verdictCodes = [
  'accepted',
  'malformed',
  'wrong-run',
  'unknown-gate',
  'not-waiting',
  'already-decided',
  'stale',
  'own-request',
  'not-confirmed',
  'reason-missing',
  'output-missing',
  'not-possible',
  'input-refused',
  'not-judged',
] as const;
export type VerdictCode = (typeof verdictCodes)[number];
