import { stepKinds } from '../language/kinds/index.js';
import { effects } from '../language/runbook.js';
import type { Json } from '../language/json.js';
import type { Plan, Program } from '../language/plan.js';
import type { Admission, RunSettings } from './admission.js';
import type { AttemptResult, OtherHost } from './attempt.js';
import {
  unattendedWays,
  verdictCodes,
  whenHeldChoices,
  type DecisionEnvelope,
  type StartEnvelope,
  type Verdict,
} from './envelope.js';
import type { QuestionFacts } from './judgement.js';
import type { HeldTarget } from './lease.js';
import { isOperator, operatorRule } from './operator.js';
import { aboutKinds, deciders, decisionVerbs, questionKinds } from './questions.js';
import { stepStates, type Problem, type StepView } from './view.js';

/*
 * Checks the shape of everything that a workflow gets from outside: start arguments and results of
 * activities, which anybody who reaches Temporal can forge. An exception later, inside a workflow
 * task, would be retried for ever, and no command could move the run. Hand-written: the sandbox has
 * no schema library, and a schema that gets stricter would break the replay of older runs.
 */

type Fields = Readonly<Record<string, unknown>>;

/** Deeper than any data of ours, and safe for recursive code. */
const maxDepth = 200;
const maxNameLength = 200;
const maxReasonLength = 2_000;
/** Characters of a text in a failure. */
const maxTextLength = 16_384;

/**
 * Iterative, level by level: recursion on such a value overflows the stack, here and wherever it is
 * read later.
 */
export function isDeeperThan(levels: number, value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > levels) return true;
    level = level.flatMap((each) => (isHolder(each) ? (Object.values(each) as unknown[]) : []));
  }
  return false;
}

function isHolder(value: unknown): value is object {
  return value !== null && typeof value === 'object';
}

export function isObject(value: unknown): value is Fields {
  return isHolder(value) && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isName = (value: unknown): value is string => isText(value) && value.length <= maxNameLength;
const isNumber = (value: unknown): value is number => Number.isFinite(value);
const isTrueOrFalse = (value: unknown): value is boolean => typeof value === 'boolean';
const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 0;

function isListOf(is: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => Array.isArray(value) && value.every(is);
}

function isOneOf(list: readonly string[]): (value: unknown) => boolean {
  return (value) => isText(value) && list.includes(value);
}

function isAbsentOr(is: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === undefined || is(value);
}

function isNullOr(is: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === null || is(value);
}

type Shape = Readonly<Record<string, (value: unknown) => boolean>>;

function has(shape: Shape): (value: unknown) => boolean {
  return (value) => wrongField(shape, value) === null;
}

/** The first field that is missing or wrong; null when none is. */
function wrongField(shape: Shape, value: unknown): string | null {
  if (!isObject(value)) return '';
  return (
    Object.keys(shape).find(
      (name) => !shape[name]?.(Object.hasOwn(value, name) ? value[name] : undefined),
    ) ?? null
  );
}

/** A shape that names every field of the type, so that a new one cannot be forgotten. */
type ShapeOf<T> = { readonly [K in keyof Required<T>]: (value: unknown) => boolean };

const runKey = has({ run: isText, firstRunId: isText });
const sender = has({ user: isName, host: isName });

const start: ShapeOf<StartEnvelope> = {
  version: (value) => value === 1,
  id: isName,
  verb: isOneOf(['start', 'plan']),
  run: (value) => isText(value) && value.length <= 1_000,
  runbook: isName,
  inputs: isObject,
  by: isText,
  sender: isAbsentOr(sender),
  reason: isText,
  digest: isAbsentOr(isName),
  proof: isAbsentOr((value) => isText(value) && value.length <= maxTextLength),
  unattended: isAbsentOr(isOneOf(unattendedWays)),
  from: isAbsentOr(has({ run: isName, at: isAbsentOr(isName) })),
  whenHeld: isAbsentOr(isOneOf(whenHeldChoices)),
  notify: isAbsentOr(isListOf(isName)),
  drill: isAbsentOr((value) => value === true),
  root: isAbsentOr(runKey),
};

/** Why something is not a start envelope, as the end of a sentence; null when it is one. */
export function startEnvelopeProblem(argument: unknown): string | null {
  if (isDeeperThan(maxDepth, argument)) return `it is nested more than ${maxDepth} deep`;
  const field = wrongField(start, argument);
  if (field === null) return null;
  return field === '' ? 'it is no object' : `its ${field} is missing or of the wrong kind`;
}

/**
 * Why the envelope's name or reason is invalid, as the end of a sentence; null when both are valid.
 * Checked by admission, not in the run: a rule that gets stricter must not break the replay of
 * older runs.
 */
export function whyNotAsked({ by, reason }: StartEnvelope): string | null {
  if (!isOperator(by)) return `${quoted(by)} is no name: ${operatorRule}`;
  if (reason.length > maxReasonLength)
    return `its reason has more than ${maxReasonLength} characters`;
  return null;
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}

const problem: ShapeOf<Problem> = {
  type: isText,
  message: isText,
  next: isAbsentOr(isText),
  command: isAbsentOr(isText),
  input: isAbsentOr(isText),
};
const isProblem = has(problem);

const heldTarget: ShapeOf<HeldTarget> = {
  target: isText,
  run: isText,
  runbook: isText,
  requester: isText,
  since: isText,
  fence: isNumber,
  inLine: isTrueOrFalse,
};

const program: ShapeOf<Program> = {
  name: isText,
  cwd: isAbsentOr(isText),
  path: isAbsentOr(isText),
  script: isAbsentOr((value) => value === true),
  file: isNullOr(isText),
  digest: isAbsentOr(isNullOr(isText)),
  system: isAbsentOr((value) => value === true),
};
const arePrograms = isListOf(has(program));

const plan: Pick<
  ShapeOf<Plan>,
  'runbook' | 'inputs' | 'targets' | 'steps' | 'outputs' | 'programs' | 'digest' | 'procedure'
> = {
  runbook: has({ id: isText, version: isText, title: isText, type: isText, priority: isText }),
  inputs: isObject,
  targets: isListOf(has({ name: isText, kind: isText })),
  steps: isListOf(isStep),
  outputs: isAbsentOr(isObject),
  programs: isAbsentOr(arePrograms),
  digest: isText,
  procedure: isText,
};

function isStep(value: unknown): boolean {
  return has({
    id: isText,
    title: isText,
    kind: isOneOf(stepKinds),
    effect: isOneOf(effects),
    steps: isAbsentOr(isListOf(isStep)),
  })(value);
}

const settings: ShapeOf<RunSettings> = {
  command: isText,
  uiUrl: isNullOr(isText),
  heartbeatMs: isCount,
  hostWaitMs: isCount,
  border: isAbsentOr(has({ events: isCount, bytes: isCount, signals: isCount })),
};

const takenStep: Pick<
  ShapeOf<StepView>,
  'id' | 'title' | 'kind' | 'effect' | 'state' | 'attempts' | 'error'
> = {
  id: isText,
  title: isText,
  kind: isOneOf(stepKinds),
  effect: isOneOf(effects),
  state: isOneOf(stepStates),
  attempts: isNumber,
  error: isNullOr(isProblem),
};

export function isAdmission(answer: unknown): answer is Admission {
  if (!isObject(answer) || isDeeperThan(maxDepth, answer)) return false;
  if (answer['admitted'] === false) return has({ problem: isProblem })(answer);
  return (
    answer['admitted'] === true &&
    has({
      plan: has(plan),
      settings: has(settings),
      held: isAbsentOr(isListOf(has(heldTarget))),
      taken: isAbsentOr(isListOf(has(takenStep))),
    })(answer)
  );
}

const verdict: ShapeOf<Verdict> = {
  decision: isText,
  accepted: isTrueOrFalse,
  code: isOneOf(verdictCodes),
  message: (value) => isText(value) && value.length <= maxTextLength,
  at: isText,
};

/**
 * The fields of a decision that the run reads. Fields for the signature or for the record only are
 * not checked.
 */
const decision: Pick<
  ShapeOf<DecisionEnvelope>,
  'verb' | 'by' | 'reason' | 'about' | 'attempt' | 'outputs' | 'inputs'
> = {
  verb: isOneOf(decisionVerbs),
  by: isText,
  reason: isText,
  about: isAbsentOr(has({ kind: isOneOf(aboutKinds), id: isText })),
  attempt: isAbsentOr(isCount),
  outputs: isAbsentOr(isObject),
  inputs: isAbsentOr(isObject),
};

/**
 * One verdict for each decision of the batch, in order; an accepted one is a well-formed decision.
 */
export function areVerdicts(
  answer: unknown,
  batch: readonly { id: string; received: Json }[],
): answer is { verdicts: Verdict[] } {
  const verdicts = isObject(answer) ? answer['verdicts'] : undefined;
  return (
    Array.isArray(verdicts) &&
    verdicts.length === batch.length &&
    batch.every(({ id, received }, index) => {
      const each = verdicts[index] as Verdict;
      return (
        has(verdict)(each) &&
        each.decision === id &&
        each.accepted === (each.code === 'accepted') &&
        (!each.accepted || has(decision)(received))
      );
    })
  );
}

export function isAttemptResult(answer: unknown): answer is AttemptResult {
  return (
    isObject(answer) &&
    answer['output'] !== undefined &&
    isCount(answer['attempt']) &&
    isAbsentOr(arePrograms)(answer['programs']) &&
    !isDeeperThan(maxDepth, answer)
  );
}

export function isLeaseAnswer(
  answer: unknown,
): answer is { held: HeldTarget[]; problem?: Problem } {
  return has({ held: isListOf(has(heldTarget)), problem: isAbsentOr(isProblem) })(answer);
}

export function isLostAnswer(answer: unknown): answer is { text: string } {
  return has({ text: (value) => isText(value) && value.length <= maxTextLength })(answer);
}

export function isSaveAnswer(answer: unknown): answer is { incomplete: boolean } {
  return has({ incomplete: isTrueOrFalse })(answer);
}

export function isSettled(
  answer: unknown,
): answer is { state: 'ended' | 'unknown'; attempts?: number } {
  const attempts = isAbsentOr((value) => value === 0 || isCount(value));
  return has({ state: isOneOf(['ended', 'unknown']), attempts })(answer);
}

/** The id becomes part of a task queue's name. */
export function isOtherHost(detail: unknown): detail is OtherHost {
  return has({ id: (value) => isName(value) && /^[\w.-]+$/.test(value), name: isName })(detail);
}

/** The details of a step's failure; malformed ones are left out. */
export function detailOf(details: unknown): {
  next?: string;
  command?: string;
  attempt: number | null;
  ran: Program[];
  changed: Program[];
} {
  const [detail] = Array.isArray(details) ? (details as unknown[]) : [];
  const { next, command, attempt, details: facts, programs } = isObject(detail) ? detail : {};
  const changed = isObject(facts) ? facts['programs'] : undefined;
  return {
    ...(isText(next) && next !== '' ? { next: shortened(next) } : {}),
    ...(isText(command) && command !== '' ? { command: shortened(command) } : {}),
    attempt: isCount(attempt) ? attempt : null,
    ran: arePrograms(programs) ? (programs as Program[]) : [],
    changed: arePrograms(changed) ? (changed as Program[]) : [],
  };
}

/** Foreign text, cut to the length of a failure's text. */
export function shortened(text: string): string {
  return text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength)}…`;
}

const question: Pick<
  ShapeOf<QuestionFacts>,
  'kind' | 'id' | 'attempt' | 'digest' | 'verbs' | 'deciders'
> = {
  kind: isOneOf(Object.keys(questionKinds)),
  id: isText,
  attempt: isNumber,
  digest: isText,
  verbs: isListOf(isOneOf(decisionVerbs)),
  deciders: isOneOf(Object.keys(deciders)),
};

/**
 * The carried state of the previous execution. The engine wrote it, so only the fields that the
 * start of an execution reads are checked.
 */
export function isCarried(argument: unknown): boolean {
  return has({
    verb: (value) => value === 'continue',
    key: runKey,
    envelope: isObject,
    plan: has(plan),
    settings: has(settings),
    view: has({
      steps: isListOf(has(takenStep)),
      waitingFor: isListOf(isObject),
      decisions: isListOf(isObject),
    }),
    published: has({ state: isText, step: isText, command: isText }),
    gates: isListOf(has({ ...question, passed: isListOf(isObject) })),
    desk: isListOf(has({ ...question, answers: isListOf(isText), problem: isProblem })),
    lease: has({ held: isListOf(has(heldTarget)), asked: isNumber }),
    inbox: has({ verdicts: isListOf(has(verdict)), count: isNumber }),
  })(argument);
}
