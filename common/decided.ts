import { type DecisionVerb, type DeskVerb } from './envelope.js';
import { undoneBy } from './paths.js';
import type { WaitView } from './view.js';

/*
 * The possible answers to each kind of question, and the words for them: one table for the run that
 * asks, for the commands that are offered, and for history and report.
 */

const stepVerbs: readonly DeskVerb[] = ['retry', 'skip', 'done', 'rollback', 'abort'];
/** No `rollback`: an undo is part of one already. */
const undoVerbs: readonly DeskVerb[] = ['retry', 'skip', 'done', 'abort'];
const manualVerbs: readonly DeskVerb[] = ['done', 'skip', 'rollback', 'abort'];

/**
 * The verbs that answer a question; the first is the usual one.
 * @param id of the wait: a path at the desk
 */
export function verbsFor({ kind, id }: Pick<WaitView, 'kind' | 'id'>): readonly DecisionVerb[] {
  return kind === 'approval' || kind === 'lease' ? gateVerbs[kind] : deskVerbsFor(kind, id);
}

const gateVerbs = { approval: ['approve', 'reject'], lease: ['take-over'] } as const;

/** The verbs that answer a question at the desk. */
export function deskVerbsFor(kind: 'failure' | 'manual', path: string): readonly DeskVerb[] {
  if (kind === 'manual') return manualVerbs;
  return undoneBy(path) === null ? stepVerbs : undoVerbs;
}

interface Phrases {
  /** State of the question afterwards: `approved`. */
  state: string;
  /** The same as people say it, before `by`. */
  words: string;
  /** The verb in a sentence: `ada approves gate x`. */
  does: string;
  /** What it is about. */
  thing: 'gate' | 'step' | 'target' | 'run';
}

const phrases: Record<DecisionVerb, Phrases> = {
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
 * How a question was answered, as a state of the timeline and in words.
 * @param verb as it was recorded
 */
export function answeredWith(verb: string): Pick<Phrases, 'state' | 'words'> {
  const known = phrasesOf(verb);
  return known ?? { state: 'answered', words: `answered with ${verb}` };
}

/**
 * What somebody does with a decision: `approves gate x`, `pauses the run`.
 * @param about the gate, path or wait that was named
 */
export function decides(verb: string, about: string | null): string {
  const known = phrasesOf(verb);
  if (!known) return verb || 'sent something';
  const { does, thing } = known;
  if (verb === 'rollback' && !about) return 'takes the run back';
  if (verb === 'abort' && !about) return 'ends the run';
  if (thing === 'run') return `${does} the run`;
  if (thing === 'target') return `${does} ${(about ?? '').replace(':', ' ')}`.trim();
  return `${does} ${thing} ${about ?? ''}`.trim();
}

function phrasesOf(verb: string): Phrases | undefined {
  return Object.hasOwn(phrases, verb) ? phrases[verb as DecisionVerb] : undefined;
}
