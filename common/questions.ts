import type { StepSpec } from '../language/runbook.js';
import { isRequester } from './operator.js';
import { quoteArgument } from './quote-argument.js';

/*
 * What a run asks people: one table of the kinds of questions, and one of the verbs that answer
 * them. The run that asks, the judge, the command line, the record, history and report read these.
 */

export const aboutKinds = ['gate', 'step', 'target'] as const;

/** What a question or a decision is about. A decision without it is about the run as a whole. */
export interface About {
  kind: (typeof aboutKinds)[number];
  /** The gate's or the step's path, or the id of the wait for targets. */
  id: string;
}

/**
 * What something that arrived says it is about; null when it does not say, or is no decision.
 * @param maxLength characters that are kept of the id; all of them unless given
 */
export function aboutIn(about: unknown, maxLength = Infinity): About | null {
  if (about === null || typeof about !== 'object') return null;
  const { kind, id } = about as Partial<Record<keyof About, unknown>>;
  const known = aboutKinds.find((each) => each === kind);
  return known && typeof id === 'string' ? { kind: known, id: id.slice(0, maxLength) } : null;
}

interface QuestionRules {
  about: About['kind'];
  /** The verbs that answer it; the first is the usual one. */
  verbs: readonly [AnswerVerb, ...AnswerVerb[]];
  /** Those of them that the requester may not use, where another person has to decide. */
  notByRequester: readonly AnswerVerb[];
  /** Those of them after which the run goes on changing its targets. */
  goesOn: readonly AnswerVerb[];
  /** State of the run while it asks. */
  state: 'waiting' | 'needs-operator';
  /** Several of them, for people. */
  plural: string;
}

/** The order of verbs is the order in which they are offered. */
export const questionKinds = {
  /** May the run go on, past a gate? */
  approval: {
    about: 'gate',
    verbs: ['approve', 'reject'],
    notByRequester: ['approve', 'reject'],
    goesOn: ['approve'],
    state: 'waiting',
    plural: 'gates',
  },
  /** What is to become of a step that failed, or whose outcome is not known? */
  failure: {
    about: 'step',
    verbs: ['retry', 'skip', 'done', 'rollback', 'abort'],
    notByRequester: ['retry'],
    goesOn: ['retry', 'skip', 'done'],
    state: 'needs-operator',
    plural: 'failed steps',
  },
  /** The same for an undo. No `rollback`: it is part of one already. */
  undo: {
    about: 'step',
    verbs: ['retry', 'skip', 'done', 'abort'],
    notByRequester: ['retry'],
    // What is left to undo may be on other targets.
    goesOn: [],
    state: 'needs-operator',
    plural: 'failed steps',
  },
  /** Have people done the step? */
  manual: {
    about: 'step',
    verbs: ['done', 'skip', 'rollback', 'abort'],
    notByRequester: [],
    goesOn: ['done', 'skip'],
    state: 'waiting',
    plural: 'failed steps',
  },
  /** Take targets from the run that holds them? */
  lease: {
    about: 'target',
    verbs: ['take-over'],
    notByRequester: [],
    goesOn: [],
    state: 'waiting',
    plural: 'targets',
  },
} as const satisfies Record<string, QuestionRules>;

export type QuestionKind = keyof typeof questionKinds;

/** The states of a run that asks people. */
export const askingStates = [
  ...new Set(Object.values(questionKinds).map(({ state }) => state)),
] as const;

export function rulesOfQuestion(kind: QuestionKind): QuestionRules {
  return questionKinds[kind];
}

/**
 * The verbs that can answer a question.
 * @param outputs names of the output that later steps need: such a step cannot be skipped
 */
export function verbsFor(kind: QuestionKind, outputs: readonly string[] = []): AnswerVerb[] {
  const { verbs } = rulesOfQuestion(kind);
  return verbs.filter((verb) => verb !== 'skip' || outputs.length === 0);
}

/** Whether the run goes on changing its targets once such a question was answered with the verb. */
export function goesOnAfter(kind: QuestionKind, verb: unknown): boolean {
  return rulesOfQuestion(kind).goesOn.some((each) => each === verb);
}

/** Who may answer, in words. */
export const deciders = {
  another: 'an operator other than the requester',
  anyone: 'an operator',
} as const satisfies Record<NonNullable<StepSpec['approvers']>, string>;

export type Deciders = keyof typeof deciders;

/** A question, as far as it says who may answer it. */
export interface Answers {
  kind: QuestionKind;
  verbs: readonly AnswerVerb[];
  deciders: Deciders;
}

/** Whether the requester of the run may answer the question with the verb. */
function mayRequesterUse(verb: DecisionVerb, { kind, deciders }: Answers): boolean {
  const barred = rulesOfQuestion(kind).notByRequester.some((each) => each === verb);
  return deciders === 'anyone' || !barred;
}

/** Whether the requester of the run may answer the question at all. */
export function mayRequesterAnswer(question: Answers): boolean {
  return question.verbs.some((verb) => mayRequesterUse(verb, question));
}

/**
 * Why this person may not answer the question with the verb, when it is the one who started the
 * run; null where nothing keeps them from it.
 */
export function whyNotOwn(
  verb: DecisionVerb,
  question: Answers & Pick<About, 'id'>,
  by: string,
  requester: string,
): string | null {
  if (mayRequesterUse(verb, question) || !isRequester(by, requester)) return null;
  const { kind, id } = question;
  return rulesOfQuestion(kind).about === 'gate'
    ? `${by} started this run, so somebody else has to decide gate ${id}.`
    : `What ${id} would run was not approved, and ${by} ` +
        'started this run: somebody else has to let it run.';
}

/** Who may decide a gate that declares nothing. */
export const defaultApprovers = 'another' satisfies Deciders;

interface Phrases {
  /** State of the question afterwards: `approved`. */
  state: string;
  /** The same as people say it, before `by`. */
  words: string;
  /** The verb in a sentence: `ada approves gate x`. */
  does: string;
  about: About['kind'] | 'run';
}

const verbs = {
  approve: { state: 'approved', words: 'approved', does: 'approves', about: 'gate' },
  reject: { state: 'rejected', words: 'rejected', does: 'rejects', about: 'gate' },
  'take-over': { state: 'taken-over', words: 'taken over', does: 'takes over', about: 'target' },
  retry: { state: 'retried', words: 'sent to be tried again', does: 'tries again', about: 'step' },
  skip: { state: 'skipped', words: 'skipped', does: 'skips', about: 'step' },
  done: { state: 'done', words: 'said to be done by hand', does: 'did by hand', about: 'step' },
  rollback: {
    state: 'rolled-back',
    words: 'answered with rollback',
    does: 'rolls the run back because of',
    about: 'step',
  },
  abort: {
    state: 'aborted',
    words: 'answered with abort',
    does: 'ends the run because of',
    about: 'step',
  },
  cancel: { state: 'cancelled', words: 'cancelled', does: 'cancels', about: 'run' },
  pause: { state: 'paused', words: 'paused', does: 'pauses', about: 'run' },
  resume: { state: 'resumed', words: 'resumed', does: 'resumes', about: 'run' },
} as const satisfies Record<string, Phrases>;

export type DecisionVerb = keyof typeof verbs;
export const decisionVerbs = Object.keys(verbs) as [DecisionVerb, ...DecisionVerb[]];

/** The verbs that answer a question; `rollback` and `abort` may be about the whole run too. */
export type AnswerVerb = {
  [V in DecisionVerb]: (typeof verbs)[V]['about'] extends 'run' ? never : V;
}[DecisionVerb];

export function isDecisionVerb(verb: string): verb is DecisionVerb {
  return Object.hasOwn(verbs, verb);
}

export function isAnswerVerb(verb: string): verb is AnswerVerb {
  return isDecisionVerb(verb) && aboutOf(verb) !== 'run';
}

/** The verbs that answer a question about a step. */
export type DeskVerb = {
  [V in DecisionVerb]: (typeof verbs)[V]['about'] extends 'step' ? V : never;
}[DecisionVerb];

/** What the verb decides when it names something; `run`: it never does. */
export function aboutOf(verb: DecisionVerb): Phrases['about'] {
  return verbs[verb].about;
}

/** Whether the verb can be about the run as a whole. */
export function canBeAboutRun(verb: DecisionVerb): boolean {
  return aboutOf(verb) === 'run' || verb === 'rollback' || verb === 'abort';
}

/**
 * How a question was answered, as a state of the timeline and in words.
 * @param verb as it was recorded
 */
export function answeredWith(verb: string): Pick<Phrases, 'state' | 'words'> {
  return phrasesOf(verb) ?? { state: 'answered', words: `answered with ${verb}` };
}

/** Decisions about the run as a whole that end its procedure, and with it all that it asks. */
export const endingVerbs: readonly DecisionVerb[] = ['cancel', 'rollback', 'abort'];

/** Answers after which the run ends, and undoes what it changed. */
const undoing: readonly string[] = ['reject', 'rollback', 'cancel'] satisfies DecisionVerb[];

/** Whether what a run has changed is undone once a question was answered with the verb. */
export function undoesChanges(verb: string): boolean {
  return undoing.includes(verb);
}

/** What a run does once a question was answered with the verb. */
export function runThen(verb: string): string {
  if (verb === 'abort') return 'it ends, and everything is left as it is';
  return undoesChanges(verb) ? 'it ends, and what it changed is undone' : 'it goes on';
}

/** What somebody does with a decision: `approves gate x`, `pauses the run`. */
export function decides(verb: string, about: About | null): string {
  const known = phrasesOf(verb);
  if (!known) return verb || 'sent something';
  if (known.about === 'run') return `${known.does} the run`;
  if (about === null && verb === 'rollback') return 'rolls the run back';
  if (about === null && verb === 'abort') return 'ends the run';
  // The id of a wait for a target begins with the word.
  const what =
    known.about === 'target' ? about?.id.replace(':', ' ') : `${known.about} ${about?.id ?? ''}`;
  return `${known.does} ${what ?? ''}`.trim();
}

function phrasesOf(verb: string): Phrases | undefined {
  return isDecisionVerb(verb) ? verbs[verb] : undefined;
}

/** A question as the commands that answer it name it. */
interface Answerable {
  kind: QuestionKind;
  id: string;
  /** Of what was asked: the command never answers another question. */
  digest: string;
  confirm?: string | undefined;
  /** Names of the output of a step that later steps need. */
  answers?: readonly string[] | undefined;
}

/**
 * The command that answers a question. It has neither a reason nor a yes: at a terminal it shows
 * what it is about, and asks for what is missing.
 * @param command name of the command line
 * @param run workflow id
 */
export function answerCommand(
  command: string,
  run: string,
  { kind, id, digest }: Answerable,
  verb: AnswerVerb,
): string {
  // A run waits for its targets all at once.
  const about = rulesOfQuestion(kind).about === 'target' ? '' : ` ${quoteArgument(id)}`;
  return `${command} ${verb} ${quoteArgument(run)}${about} --digest ${digest}`;
}

/** The same as a form for scripts, in capitals what has to be filled in. */
export function answerForm(
  command: string,
  run: string,
  question: Answerable,
  verb: AnswerVerb,
): string {
  const typed = verb === 'approve' && question.confirm !== undefined ? ' --confirm NAME' : '';
  const outputs = verb === 'done' ? (question.answers ?? []) : [];
  const given = outputs.map((name) => ` --output ${name}=VALUE`).join('');
  return `${answerCommand(command, run, question, verb)}${typed}${given} --reason TEXT --yes`;
}

/** The usual answer as a form for scripts. */
export function usualForm(command: string, run: string, question: Answerable): string {
  return answerForm(command, run, question, rulesOfQuestion(question.kind).verbs[0]);
}

/** The commands that answer a question, the usual one first. */
export function answersOf(
  command: string,
  run: string,
  question: Answerable & { verbs: readonly AnswerVerb[] },
): { verb: AnswerVerb; command: string }[] {
  return question.verbs.map((verb) => ({
    verb,
    command: answerCommand(command, run, question, verb),
  }));
}

/**
 * The command that shows what a step has written, for a question about one that failed; null for
 * all others.
 */
export function outputCommand(
  command: string,
  run: string,
  { kind, id }: { kind: string; id: string },
): string | null {
  if (kind !== 'failure' && kind !== 'undo') return null;
  return `${command} logs ${quoteArgument(run)} ${quoteArgument(id.replace(/\.undo$/, ''))}`;
}

/** The name of the command line in the recorded command of a question. */
export function commandNameIn(wait: { command: string; verbs: readonly AnswerVerb[] }): string {
  return wait.command.split(` ${wait.verbs[0]} `, 1)[0] ?? '';
}
