import type { Builds } from '../../common/attempt.js';
import type { RunSettings } from '../../common/admission.js';
import type { DecisionEnvelope, StartEnvelope, Verdict } from '../../common/envelope.js';
import type { GateFacts, SignalNote } from '../../common/judgement.js';
import type { RunKey } from '../../common/keys.js';
import type { HeldTarget } from '../../common/lease.js';
import type { Problem, RunState, RunView } from '../../common/view.js';
import type { Plan, Program } from '../../language/plan.js';
import type { Published } from './board.js';
import type { Case } from './desk.js';
import type { Undo } from './undo.js';

/*
 * What one execution of a run hands to the next when it continues as new. The procedure begins anew
 * there and passes over everything that the view shows as settled, with the outputs it had: so it
 * needs no place to come back to, and code-first procedures continue as well as plans.
 */

export interface CarriedGate {
  id: string;
  attempt: number;
  digest: string;
  state: GateFacts['state'];
  since: string | null;
  decision: DecisionEnvelope | null;
  /** The approvals of its openings so far, in order. */
  passed: DecisionEnvelope[];
  /**
   * Names the code that asked last. Absent: it was not asked yet, or by a release that did not keep
   * it.
   */
  release?: string | undefined;
  /** What the approver has to type, as it was asked last. */
  confirm?: string | undefined;
  /** What the last question said of a change of the code. */
  changed?: string | undefined;
}

/** Targets that the run still waits for, and how often it has asked. */
export interface CarriedLease {
  held: HeldTarget[];
  asked: number;
}

export interface CarriedInbox {
  /** The newest answers, for senders that ask again. */
  verdicts: Verdict[];
  /** Signals in the run's whole life; names those that came without an id. */
  count: number;
  /** Signals that the record has not been told of. Absent: none. */
  noted?: SignalNote[];
}

/** What the run knows of programs, and of each step what it found changed and asks about. */
export interface CarriedPrograms {
  known: Program[];
  /** Those that people let run although they had changed. */
  accepted: Program[];
  refused: [step: string, programs: Program[]][];
}

/** How a run is going to end. */
export interface Ending {
  state: RunState;
  /** Null when its procedure has come to its end. */
  problem: Problem | null;
  /** Whether what was changed has to be taken back. */
  rollback: boolean;
}

export interface Carried {
  version: 1;
  verb: 'continue';
  key: RunKey;
  envelope: StartEnvelope;
  plan: Plan;
  settings: RunSettings;
  view: RunView;
  published: Published;
  /**
   * What the record has been told: how often, and paths of the steps whose present state it has
   * not. Absent: nothing of it is known.
   */
  saves?: { made: number; unsaved: string[] };
  gates: CarriedGate[];
  desk: Case[];
  lease: CarriedLease;
  inbox: CarriedInbox;
  /** What no step has confirmed yet. Absent: the execution before did not say. */
  unconfirmed?: Builds;
  /** Absent: those of the plan, and nothing else. */
  programs?: CarriedPrograms | undefined;
  paused: boolean;
  /** In words, when the plan was made anew: the approvals so far are void. */
  changedInputs?: string | undefined;
  /** Set once the procedure is over and its changes are being taken back. */
  rollback: { ending: Ending; undos: readonly Undo[]; failed: readonly string[] } | null;
}
