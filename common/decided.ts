import { type DecisionVerb, type DeskVerb } from './envelope.js';
import { undoneBy } from './paths.js';
import type { WaitView } from './view.js';

/*
 * What can be answered to each kind of question, and how an answer is told: one table for the run
 * that asks, for the commands that are offered, and for history and report.
 */

const stepVerbs: readonly DeskVerb[] = ['retry', 'skip', 'done', 'rollback', 'abort'];
/** An undo that is let go stays undone; there is nothing further to roll back to. */
const undoVerbs: readonly DeskVerb[] = ['retry', 'skip', 'done', 'abort'];
const manualVerbs: readonly DeskVerb[] = ['done', 'skip', 'rollback', 'abort'];

/**
 * What a question may be answered with, the first one being what it is asked for.
 * @param id of the wait: a path at the desk
 */
export function verbsFor({ kind, id }: Pick<WaitView, 'kind' | 'id'>): readonly DecisionVerb[] {
  return kind === 'approval' || kind === 'lease' ? gateVerbs[kind] : deskVerbsFor(kind, id);
}

const gateVerbs = { approval: ['approve', 'reject'], lease: ['take-over'] } as const;

/** The same for a question at the desk. */
export function deskVerbsFor(kind: 'failure' | 'manual', path: string): readonly DeskVerb[] {
  if (kind === 'manual') return manualVerbs;
  return undoneBy(path) === null ? stepVerbs : undoVerbs;
}

interface Told {
  /** What became of the question: `approved`. */
  state: string;
  /** The same as people say it, before `by`. */
  words: string;
  /** Before a thing: `ada approves gate x`. Absent where it is about the run. */
  does: string;
  /** What it is about. */
  thing: 'gate' | 'step' | 'target' | 'run';
}

const told: Record<DecisionVerb, Told> = {
  approve: { state: 'approved', words: 'approved', does: 'approves', thing: 'gate' },
  reject: { state: 'rejected', words: 'rejected', does: 'rejects', thing: 'gate' },
  'take-over': { state: 'taken-over', words: 'taken over', does: 'takes over', thing: 'target' },
  retry: { state: 'retried', words: 'sent to be tried again', does: 'tries again', thing: 'step' },
  skip: { state: 'skipped', words: 'skipped', does: 'skips', thing: 'step' },
  done: { state: 'done', words: 'said to be done by hand', does: 'did by hand', thing: 'step' },
  rollback: {
    state: 'rolled-back',
    words: 'answered with rollback',
    does: 'takes the run back because of',
    thing: 'step',
  },
  abort: {
    state: 'aborted',
    words: 'answered with abort',
    does: 'ends the run because of',
    thing: 'step',
  },
  cancel: { state: 'cancelled', words: 'cancelled', does: 'cancels', thing: 'run' },
  pause: { state: 'paused', words: 'paused', does: 'pauses', thing: 'run' },
  resume: { state: 'resumed', words: 'resumed', does: 'resumes', thing: 'run' },
};

/**
 * What became of a question, as a word of the timeline and in words.
 * @param verb as it was recorded
 */
export function answeredWith(verb: string): Pick<Told, 'state' | 'words'> {
  const known = toldOf(verb);
  return known ?? { state: 'answered', words: `answered with ${verb}` };
}

/**
 * What somebody does with a decision: `approves gate x`, `pauses the run`.
 * @param about the gate, path or wait that was named
 */
export function decides(verb: string, about: string | null): string {
  const known = toldOf(verb);
  if (!known) return verb || 'sent something';
  const { does, thing } = known;
  if (verb === 'rollback' && !about) return 'takes the run back';
  if (verb === 'abort' && !about) return 'ends the run';
  if (thing === 'run') return `${does} the run`;
  if (thing === 'target') return `${does} ${(about ?? '').replace(':', ' ')}`.trim();
  return `${does} ${thing} ${about ?? ''}`.trim();
}

function toldOf(verb: string): Told | undefined {
  return Object.hasOwn(told, verb) ? told[verb as DecisionVerb] : undefined;
}
