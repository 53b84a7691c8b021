import type { JsonObject } from '../language/json.js';
import type { QuestionKind } from './questions.js';
import type { Left } from './left.js';
import type { FollowingStep, RunState } from './view.js';

/*
 * What people are told when a run needs them: enough to decide without looking anything up. One
 * content for all channels, and for the JSON of those that are programs.
 */

/**
 * `asked`: people are needed. `reminder`: still. `deadline`: the deadline is near. `over`: they are
 * not needed any more. `left`: the run has ended, and what it has changed is not all taken back.
 * `ended`: a run that had asked people has ended, and left nothing so.
 */
export type MessageKind = 'asked' | 'reminder' | 'deadline' | 'over' | 'left' | 'ended';

/** Whether it asks people for something; the others only tell. */
export function asksPeople(what: MessageKind): boolean {
  return what === 'asked' || what === 'reminder' || what === 'deadline';
}

/**
 * What a message is about. `pause`: somebody paused the run, or a step of it, in Temporal. `left`:
 * the end of the run.
 */
export type CallKind = Exclude<QuestionKind, 'lease'> | 'pause' | 'left';

export interface Message {
  version: 1;
  /** The same in every try of the same message. */
  id: string;
  what: MessageKind;
  /** An earlier try of this very message may have arrived. */
  again: boolean;
  /** Reminders are counted from 1. */
  number: number;
  /** Id of the first message about the same call, for threads. */
  first: string;
  run: string;
  runbook: string;
  title: string;
  /** True for a drill. */
  drill: boolean;
  targets: { name: string; environment: string }[];
  requester: string;
  reason: string;
  /** ISO time. */
  startedAt: string;
  call: {
    kind: CallKind;
    /** The gate, the step's path, `pause:` and a path, or `end:`. */
    id: string;
    title: string;
    since: string;
    deadline: string | null;
    /** In words: who may answer. */
    who: string;
    /** What people are shown to decide. */
    evidence: JsonObject;
    /** For a gate: the steps that follow its approval; null where it says nothing of them. */
    follows: FollowingStep[] | null;
  };
  /** What was changed so far and can be undone, newest first; and what cannot. */
  undo: {
    possible: { step: string; how: string }[];
    /** Steps that changed something and cannot be undone. */
    impossible: string[];
    /** Steps behind which nothing before them can be undone, that have not begun. */
    pointsOfNoReturn: string[];
  };
  /** What an ended run has left, in the order of its steps; empty while it goes on. */
  left: Left[];
  /** Steps that were undone, in the order in which they were. */
  undone: { step: string; title: string }[];
  /** How the run ended, and why, for `left` and `ended`. */
  end: { state: RunState; why: string | null; at: string } | null;
  /** Who has taken it: reminders stop. */
  taken: { by: string; at: string } | null;
  /** How it ended, for `over`. */
  over: {
    how: string;
    by: string | null;
    reason: string | null;
    at: string;
    /** What the run does then; null where that is not known. */
    then: string | null;
  } | null;
  /** The exact commands that answer, the usual one first; none where nothing is asked. */
  commands: { verb: string; command: string }[];
  /** What the step that failed was asked to do; empty where nothing failed, or it is not known. */
  did: string[];
  /** The command that shows what it has written; null as above. */
  output: string | null;
  /** Where the commands work as they stand; null: wherever the command line is installed. */
  where: string | null;
  /** The usual one as a form for scripts, in capitals what has to be filled in; null for none. */
  form: string | null;
  /** The command that tells others that somebody is at it; null where nothing is asked. */
  ack: string | null;
  /** The command that starts it again, once it has not ended as it was meant to; else null. */
  startAgain: string | null;
  /** The command that shows the run. */
  status: string;
  /** The run in the Temporal UI; null when its address is not configured. */
  link: string | null;
}
