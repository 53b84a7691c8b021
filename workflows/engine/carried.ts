import type { Builds } from '../../common/attempt.js';
import type { RunSettings } from '../../common/admission.js';
import type { StartEnvelope, Verdict } from '../../common/envelope.js';
import type { SignalNote } from '../../common/judgement.js';
import type { RunKey } from '../../common/keys.js';
import type { Problem, RunState, RunView } from '../../common/view.js';
import type { Plan, Program } from '../../language/plan.js';
import type { Published } from './board.js';
import type { Case } from './desk.js';
import type { CarriedGate } from './gates.js';
import type { CarriedLease } from './lease.js';
import type { CarriedLosses } from './losses.js';
import type { Undo } from './undo.js';

/*
 * What one execution of a run hands to the next when it continues as new. The procedure starts from
 * the top there and reuses the outputs of every step that the view shows as settled. So no position
 * in the code has to be restored, and code-first procedures continue as well as plans.
 */

export interface CarriedInbox {
  /** The newest answers, for senders that ask again. */
  verdicts: Verdict[];
  /** Signals received over all executions; numbers those that came without an id. */
  count: number;
  /** Signals that are not in the record yet. */
  noted: SignalNote[];
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
  /** How many saves were made, and the paths of steps whose present state is not saved. */
  saves: { made: number; unsaved: string[] };
  gates: CarriedGate[];
  desk: Case[];
  lease: CarriedLease;
  inbox: CarriedInbox;
  /** Answers that no step has confirmed yet. */
  unconfirmed: Builds;
  /** Absent: those of the plan, and nothing else. */
  programs?: CarriedPrograms | undefined;
  /** Absent: no target was lost. */
  losses?: CarriedLosses;
  paused: boolean;
  /** The changed inputs, for people, when there is a new plan: earlier approvals are void. */
  changedInputs?: string | undefined;
  /** Set once the procedure is over and its changes are being undone. */
  rollback: { ending: Ending; undos: readonly Undo[]; failed: readonly string[] } | null;
}
