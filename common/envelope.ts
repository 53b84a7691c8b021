import type { JsonObject } from '../language/json.js';
import type { RunKey } from './keys.js';
import type { About, DecisionVerb } from './questions.js';
import type { Sender } from './sender.js';

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
  /** Absent: it was not sent by the command line. */
  sender?: Sender;
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
  /** Channels that are told when the run needs people, instead of those of its runbook. */
  notify?: string[];
  /** A drill: on isolated targets only, and undone at the end, however it ends. */
  drill?: true;
  /** In a nested run: the outermost run, whose targets it shares. */
  root?: RunKey;
}

export const unattendedWays = ['abort', 'rollback', 'continue'] as const;
export const whenHeldChoices = ['wait', 'refuse'] as const;
export type WhenHeld = (typeof whenHeldChoices)[number];

/** A decision about a live run, sent as the signal `decide`. */
export interface DecisionEnvelope extends Envelope {
  verb: DecisionVerb;
  /** The question that it answers. Absent: it is about the run as a whole. */
  about?: About;
  /** The output that the step would have had, for `done`. */
  outputs?: JsonObject;
  /** Changed inputs of the run, for `retry`. */
  inputs?: JsonObject;
  /** The attempt of the question that the person saw. */
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
  'output-refused',
  'not-possible',
  'input-refused',
  'not-judged',
] as const;
export type VerdictCode = (typeof verdictCodes)[number];
