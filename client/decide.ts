import { randomUUID } from 'node:crypto';
import { messageNames } from '../common/defaults.js';
import type { DecisionEnvelope, Verdict } from '../common/envelope.js';
import {
  aboutOf,
  answerCommand,
  canBeAboutRun,
  rulesOfQuestion,
  verbsFor,
  type About,
  type AnswerVerb,
  type DecisionVerb,
} from '../common/questions.js';
import { leavingStates } from '../common/left.js';
import type { DecisionView, RunView, WaitView } from '../common/view.js';
import type { JsonObject } from '../language/json.js';
import { belongsTo, undoneBy } from '../language/paths.js';
import { CliError, isNotFound, isRecordAway, isUnanswered } from './errors.js';
import { exitCodes, hasEnded } from './exit-codes.js';
import { quoteArgument } from '../common/quote-argument.js';
import type { RunReading } from './read-run.js';
import { thisSender } from './sender.js';
import type { Session } from './session.js';
import { unknownGate, unknownStep } from './unknown-step.js';

const pollMs = 60;
const queryMs = 2_000;

export interface DecisionRequest {
  run: string;
  verb: DecisionVerb;
  by: string;
  reason: string;
  /** What waits: a gate, a failed step, or the run for a target. */
  wait?: WaitView;
  outputs?: JsonObject;
  /** Changed inputs of the run, for `retry`. */
  inputs?: JsonObject;
  /** The digest that the person saw elsewhere; sent instead of the question's own. */
  digest?: string;
  /** What the person typed, where the gate requires it. */
  confirm?: string;
  /** The id of a decision that was sent before, to ask for its verdict again. */
  id?: string;
}

export function decisionEnvelope(request: DecisionRequest): DecisionEnvelope {
  const { wait, digest = wait?.digest } = request;
  return {
    version: 1,
    id: request.id ?? randomUUID(),
    verb: request.verb,
    run: request.run,
    by: request.by,
    sender: thisSender(),
    reason: request.reason,
    ...(wait ? { about: aboutWait(wait), attempt: wait.attempt } : {}),
    ...(request.outputs === undefined ? {} : { outputs: request.outputs }),
    ...(request.inputs === undefined ? {} : { inputs: request.inputs }),
    ...(digest === undefined ? {} : { digest }),
    ...(request.confirm === undefined ? {} : { confirm: request.confirm }),
  };
}

function aboutWait({ kind, id }: WaitView): About {
  return { kind: rulesOfQuestion(kind).about, id };
}

function isStep({ kind }: WaitView): boolean {
  return rulesOfQuestion(kind).about === 'step';
}

/**
 * True when no step waits at the desk: then `rollback` and `abort` are about the whole run.
 */
export function isAboutRun(view: RunView, verb: DecisionVerb, step: string | undefined): boolean {
  return (
    canBeAboutRun(verb) &&
    step === undefined &&
    !view.waitingFor.some(isStep) &&
    !hasEnded(view.state)
  );
}

/**
 * Sends a decision as the signal `decide` and waits for its verdict. The same id sent again is the
 * same decision.
 * @param timeoutMs how long to wait for the verdict
 * @returns null when there is no verdict in time
 * @throws CliError with exit code 4 when the run has ended
 */
export async function sendDecision(
  session: Session,
  decision: DecisionEnvelope,
  timeoutMs: number,
): Promise<Verdict | null> {
  const temporal = await session.temporal();
  try {
    await temporal.within(5_000, () =>
      temporal.client.workflow.getHandle(decision.run).signal(messageNames.decide, decision),
    );
  } catch (error) {
    if (isUnanswered(error)) throw perhapsSent(session.command, temporal.address, decision);
    if (!isNotFound(error)) throw error;
    throw (await runEnded(session, decision.run, decision.about?.id)) ?? error;
  }
  const verdict = await awaitVerdict(session, decision.run, decision.id, timeoutMs);
  if (verdict) return verdict;
  // It came while the run was ending, and nobody judges it any more.
  const ended = await runEnded(session, decision.run, decision.about?.id).catch(() => undefined);
  if (ended) throw ended;
  return null;
}

/**
 * The verdict on a decision that was sent, from the run, or in the end from the record; null when
 * there is none in time.
 */
export async function awaitVerdict(
  session: Session,
  run: string,
  decision: string,
  timeoutMs: number,
): Promise<Verdict | null> {
  const temporal = await session.temporal();
  const handle = temporal.client.workflow.getHandle(run);
  const until = Date.now() + timeoutMs;
  do {
    const room = Math.max(200, Math.min(queryMs, until - Date.now()));
    const verdict = await temporal
      .within(room, () => handle.query<Verdict | null, [string]>(messageNames.verdict, decision))
      .catch((): null => null);
    if (verdict) return verdict;
    await new Promise((wake) => setTimeout(wake, pollMs));
  } while (Date.now() < until);
  return recordedVerdict(session, run, decision);
}

/** A worker may have died between judging and answering: then the record knows. */
async function recordedVerdict(
  session: Session,
  run: string,
  decision: string,
): Promise<Verdict | null> {
  const pool = await session.record();
  if (!pool) return null;
  const { getRun } = await import('../store/index.js');
  const view = await getRun(pool, run).catch((): null => null);
  const judged = view?.decisions.filter((each) => each.id === decision) ?? [];
  const found = judged.find((each) => each.accepted) ?? judged.at(-1);
  return found
    ? {
        decision,
        accepted: found.accepted,
        code: found.code as Verdict['code'],
        message: found.message,
        at: found.at,
      }
    : null;
}

/** The error when Temporal takes no signal any more; undefined when it never knew the run. */
async function runEnded(
  session: Session,
  run: string,
  about: string | undefined,
): Promise<CliError | undefined> {
  const { readRun } = await import('./read-run.js');
  const { view } = await readRun(session, run);
  return hasEnded(view.state) ? tooLate(view, about, session.command) : undefined;
}

function tooLate(view: RunView, about: string | undefined, command: string): CliError {
  const decision = about === undefined ? undefined : decisionAbout(view, about);
  const who = decision ? ` ${about} was decided before: ${decision.verb} by ${decision.by}.` : '';
  const why = view.problem ? `: ${view.problem.message.replace(/\.$/, '')}` : '';
  const again = leavingStates.includes(view.state)
    ? `. Start it again with: ${command} start --from ${view.id}`
    : '';
  return new CliError(
    `Run ${view.id} has ended (${view.state}${why}); there ` +
      `is nothing to decide.${who} Nothing was changed.`,
    `See how it went with: ${command} report ${view.id}${again}`,
    exitCodes.denied,
  );
}

function decisionAbout(view: RunView, id: string): DecisionView | undefined {
  return view.decisions.findLast((each) => each.accepted && each.about?.id === id);
}

/**
 * The question that a decision is about.
 * @param id of its gate or step; without one, the only question that the verb answers
 * @throws CliError with exit code 4 when it does not wait, 6 when only the record says so, 2 when
 *   several do and none was named, or the run has no such gate or step
 */
export function waitToDecide(
  reading: RunReading,
  id: string | undefined,
  verb: AnswerVerb,
  command: string,
): WaitView {
  const { view } = reading;
  const status = `See it with: ${command} status ${view.id}`;
  if (hasEnded(view.state)) throw tooLate(view, id, command);
  const about = aboutOf(verb) as About['kind'];
  const waits = view.waitingFor.filter(({ kind }) => rulesOfQuestion(kind).about === about);
  const found =
    id === undefined
      ? waits.length === 1
        ? waits[0]
        : undefined
      : waits.find((wait) => wait.id === id);
  if (found) {
    // What such a question takes in general, but not here, the judge has words for.
    if (verbsFor(found.kind).some((each) => each === verb)) return found;
    throw new CliError(
      `${found.id} cannot be answered with ${verb}. Nothing was changed.`,
      `It takes: ${found.verbs.join(', ')}. ${status}`,
      exitCodes.denied,
    );
  }
  const [first] = waits;
  if (id === undefined && first && waits.length > 1) {
    throw new CliError(
      [`Several ${rulesOfQuestion(first.kind).plural} of run ${view.id} wait; nothing was decided:`]
        .concat(waits.map((wait) => `  ${wait.id}: ${wait.title}`))
        .join('\n'),
      `Name the one you mean, for example: ${answerCommand(command, view.id, first, verb)}`,
      exitCodes.usage,
    );
  }
  if (id !== undefined && reading.note === null) refuseUnknown(about, view, id);
  const why = explainNot[about](view, id);
  if (reading.note !== null) {
    throw new CliError(
      `${why} ${reading.note} What it does not have yet, only a worker knows. Nothing was changed.`,
      `When a worker lives, try again. See why none answers with: ${command} doctor`,
      exitCodes.timedOut,
    );
  }
  throw new CliError(`${why} Nothing was changed.`, status, exitCodes.denied);
}

/** @throws CliError with exit code 2 for a gate or step that the run does not have */
function refuseUnknown(about: About['kind'], view: RunView, id: string): void {
  if (about === 'gate' && !view.steps.some((step) => step.id === id && step.kind === 'approval'))
    throw unknownGate(view, id);
  const step = undoneBy(id) ?? id;
  if (about === 'step' && !view.steps.some((each) => each.id === step)) throw unknownStep(view, id);
}

const explainNot: Record<About['kind'], (view: RunView, id: string | undefined) => string> = {
  gate: notWaiting,
  step: notFailed,
  target: (view) => `Run ${view.id} does not wait for a target: ${doingNow(view)}.`,
};

function notFailed(view: RunView, step: string | undefined): string {
  if (step === undefined)
    return `No failed step of run ${view.id} waits for people: ${doingNow(view)}.`;
  const nearby = view.waitingFor.filter(({ id }) => belongsTo(id, step));
  if (nearby.length > 0)
    return (
      `Step ${step} of run ${view.id} asks nothing itself; answer ` +
      `${nearby.map(({ id }) => id).join(' or ')}.`
    );
  const done = undoneBy(step);
  const state = view.steps.find(({ id }) => id === (done ?? step))?.state ?? 'not known';
  return (
    `Step ${step} of run ${view.id} asks nothing now: ${done ?? 'it'} is ${state}, and ` +
    `${doingNow(view, 'the run')}.`
  );
}

function notWaiting(view: RunView, gate: string | undefined): string {
  const doing = doingNow(view);
  if (gate === undefined) return `No gate of run ${view.id} waits for a decision: ${doing}.`;
  const what = `Gate ${gate} of run ${view.id}`;
  const decision = decisionAbout(view, gate);
  if (decision) return `${what} was decided already: ${decision.verb} by ${decision.by}.`;
  const error = view.steps.find(({ id }) => id === gate)?.error;
  if (error) return `${what} is closed: ${error.message}; now ${doing}.`;
  return `${what} does not wait for a decision now: ${doing}.`;
}

/** What a run does now, as the end of a sentence. */
function doingNow(view: RunView, subject = 'it'): string {
  if (view.waitingFor.length > 0)
    return `${subject} waits at ${view.waitingFor.map((wait) => wait.id).join(', ')}`;
  const running = view.steps.findLast(
    (step) => step.state === 'running' || step.state === 'undoing',
  );
  return running
    ? `${subject} is ${view.state}, at step ${running.id} (${running.title})`
    : `${subject} is ${view.state}`;
}

/**
 * Checks the digest that somebody was given against the question as it is now.
 * @throws CliError with exit code 4 for a question that was asked before, 2 for one that never was
 */
export async function checkDigest(
  session: Session,
  view: RunView,
  wait: WaitView,
  digest: string,
): Promise<void> {
  if (digest === wait.digest) return;
  const asked = await askedBefore(session, view, wait.id);
  // Without the record the judge says that it is another question.
  if (asked === null) return;
  const status = seeNow(session.command, view.id);
  if (asked.includes(digest))
    throw new CliError(
      `What ${wait.id} asks has changed since you looked. Nothing was sent.`,
      status,
      exitCodes.denied,
    );
  throw new CliError(
    `Nothing that ${wait.id} of run ${view.id} ever ` +
      `asked has the digest ${digest}. Nothing was sent.`,
    `Copy the digest whole. ${status}`,
    exitCodes.usage,
  );
}

/** What to do about a question that is another one by now. */
export function seeNow(command: string, run: string): string {
  return `See what it asks now with: ${command} status ${quoteArgument(run)}`;
}

/** The digests of all that was asked under this id; null where the record cannot tell. */
async function askedBefore(
  session: Session,
  { id, firstRunId }: RunView,
  question: string,
): Promise<string[] | null> {
  try {
    const pool = await session.record();
    const { askedDigests } = await import('../store/index.js');
    return pool && (await askedDigests(pool, { run: id, firstRunId }, question));
  } catch (error) {
    if (isRecordAway(error)) return null;
    throw error;
  }
}

/**
 * Nobody is asked about a rollback that the judge would refuse.
 * @throws CliError with exit code 4 when the run has nothing to undo
 */
export function refuseEmptyRollback({ view, note }: RunReading, command: string): void {
  if (note !== null || view.state === 'rolling-back' || view.undos?.length !== 0) return;
  throw new CliError(
    `Nothing of run ${view.id} can be undone. Nothing was sent.`,
    `End it with: ${command} cancel ${view.id}`,
    exitCodes.denied,
  );
}

function perhapsSent(command: string, address: string, decision: DecisionEnvelope): CliError {
  return new CliError(
    `The Temporal server at ${address} did not answer in time: it is not known whether the ` +
      'decision arrived. Sent again, it counts once.',
    `Send it again with: ${askAgain(command, decision)}`,
    exitCodes.timedOut,
  );
}

/** The command that sends the same decision again, to get its verdict. */
export function askAgain(command: string, decision: DecisionEnvelope): string {
  const parts = [
    command,
    decision.verb,
    decision.run,
    ...(decision.about && decision.about.kind !== 'target'
      ? [quoteArgument(decision.about.id)]
      : []),
    ...Object.entries(decision.outputs ?? {}).flatMap(([name, value]) => [
      '--output',
      quoteArgument(`${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`),
    ]),
    ...Object.entries(decision.inputs ?? {}).flatMap(([name, value]) => [
      '--input',
      quoteArgument(`${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`),
    ]),
    '--reason',
    quoteArgument(decision.reason),
    '--as',
    quoteArgument(decision.by),
    ...(decision.digest === undefined ? [] : ['--digest', decision.digest]),
    ...(decision.confirm === undefined ? [] : ['--confirm', quoteArgument(decision.confirm)]),
    '--decision-id',
    decision.id,
  ];
  return parts.join(' ');
}
