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
 * What one execution of a run hands to the next when it continues as new. The procedure starts from
 * the top there and reuses the outputs of every step that the view shows as settled. So no position
 * in the code has to be restored, and code-first procedures continue as well as plans.
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
   * Names the code that last opened the gate. Absent: not opened yet, or by a release that did not
   * record it.
   */
  release?: string | undefined;
  /** What the approver has to type, as of the last opening. */
  confirm?: string | undefined;
  /** What the last opening said about a change of the code. */
  changed?: string | undefined;
}

/** Who holds the targets that the run waits for, and how often it has asked. */
export interface CarriedLease {
  held: HeldTarget[];
  asked: number;
}

export interface CarriedInbox {
  /** The newest answers, for senders that ask again. */
  verdicts: Verdict[];
  /** Signals received over all executions; numbers those that came without an id. */
  count: number;
  /** Signals that are not in the record yet. Absent: none. */
  noted?: SignalNote[];
}

/** The programs that the run knows, and per step those that it found changed and asks about. */
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
  /** Whether the changes have to be undone. */
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
   * How many saves were made, and the paths of steps whose present state is not saved. Absent: not
   * known.
   */
  saves?: { made: number; unsaved: string[] };
  gates: CarriedGate[];
  desk: Case[];
  lease: CarriedLease;
  inbox: CarriedInbox;
  /** Answers that no step has confirmed yet. Absent: the previous execution did not say. */
  unconfirmed?: Builds;
  /** Absent: those of the plan, and nothing else. */
  programs?: CarriedPrograms | undefined;
  paused: boolean;
  /** The changed inputs, for people, when there is a new plan: earlier approvals are void. */
  changedInputs?: string | undefined;
  /** Set once the procedure is over and its changes are being undone. */
  rollback: { ending: Ending; undos: readonly Undo[]; failed: readonly string[] } | null;
}
