import { randomUUID } from 'node:crypto';
import { messageNames } from '../common/defaults.js';
import {
  deskVerbs,
  type DecisionEnvelope,
  type DecisionVerb,
  type Verdict,
} from '../common/envelope.js';
import type { DecisionView, RunView, WaitView } from '../common/view.js';
import type { JsonObject } from '../language/json.js';
import { CliError, isNotFound } from './errors.js';
import { exitCodes, hasEnded } from './exit-codes.js';
import { quoteArgument } from './command-name.js';
import type { RunReading } from './read-run.js';
import type { Session } from './session.js';

const pollMs = 60;
const queryMs = 2_000;

export interface DecisionRequest {
  run: string;
  verb: DecisionVerb;
  by: string;
  reason: string;
  /** What waits: a gate, a failed step, or the run for a target. */
  gate?: WaitView;
  outputs?: JsonObject;
  /** Changed inputs of the run, for `retry`. */
  inputs?: JsonObject;
  /** The digest that the person saw elsewhere; sent instead of the gate's own. */
  digest?: string;
  /** What the person typed, where the gate requires it. */
  confirm?: string;
  /** The id of a decision that was sent before, to ask for its verdict again. */
  id?: string;
}

export function decisionEnvelope(request: DecisionRequest): DecisionEnvelope {
  const { gate, digest = gate?.digest } = request;
  return {
    version: 1,
    id: request.id ?? randomUUID(),
    verb: request.verb,
    run: request.run,
    by: request.by,
    reason: request.reason,
    ...(gate ? { [isStep(gate) ? 'step' : 'gate']: gate.id, attempt: gate.attempt } : {}),
    ...(request.outputs === undefined ? {} : { outputs: request.outputs }),
    ...(request.inputs === undefined ? {} : { inputs: request.inputs }),
    ...(digest === undefined ? {} : { digest }),
    ...(request.confirm === undefined ? {} : { confirm: request.confirm }),
  };
}

function isStep(wait: WaitView): boolean {
  return wait.kind === 'failure' || wait.kind === 'manual';
}

/**
 * True when no step waits at the desk: then `rollback` and `abort` are about the whole run.
 */
export function isAboutRun(view: RunView, verb: string, step: string | undefined): boolean {
  return (
    (verb === 'rollback' || verb === 'abort') &&
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
    if (!isNotFound(error)) throw error;
    throw (await runEnded(session, decision.run, decision.gate ?? decision.step)) ?? error;
  }
  return awaitVerdict(session, decision.run, decision.id, timeoutMs);
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
  gate: string | undefined,
): Promise<CliError | undefined> {
  const { readRun } = await import('./read-run.js');
  const { view } = await readRun(session, run);
  return hasEnded(view.state) ? tooLate(view, gate, session.command) : undefined;
}

function tooLate(view: RunView, gate: string | undefined, command: string): CliError {
  const decision = gate === undefined ? undefined : decisionAbout(view, gate);
  const who = decision ? ` ${gate} was decided before: ${decision.verb} by ${decision.by}.` : '';
  return new CliError(
    `Run ${view.id} has ended (${view.state}); there is nothing to decide.${who} Nothing was changed.`,
    `See how it went with: ${command} report ${view.id}`,
    exitCodes.denied,
  );
}

function decisionAbout(view: RunView, gate: string): DecisionView | undefined {
  return view.decisions.findLast((each) => each.accepted && each.gate === gate);
}

/**
 * The gate that a decision is about.
 * @param gate its id; without one, the only gate that waits
 * @throws CliError with exit code 4 when it does not wait, 6 when only the record says so, 2 when
 *   several do and none was named
 */
export function gateToDecide(
  reading: RunReading,
  gate: string | undefined,
  verb: string,
  command: string,
): WaitView {
  const { view } = reading;
  const status = `See it with: ${command} status ${view.id}`;
  if (hasEnded(view.state)) throw tooLate(view, gate, command);
  const kind = kindOf(verb);
  const waits = view.waitingFor.filter(
    (wait) => wait.kind === kind || (kind === 'failure' && wait.kind === 'manual'),
  );
  const found =
    gate === undefined
      ? waits.length === 1
        ? waits[0]
        : undefined
      : waits.find((wait) => wait.id === gate);
  if (found) return found;
  if (gate === undefined && waits.length > 1) {
    throw new CliError(
      `Several ${kind === 'failure' ? 'failed steps' : 'gates'} of run ${view.id} wait: ${waits.map((wait) => wait.id).join(', ')}.`,
      `Name the one you mean: ${command} ${verb} ${view.id} ${waits[0]?.id} --reason …`,
      exitCodes.usage,
    );
  }
  const why = explainNot[kind](view, gate);
  if (reading.note !== null) {
    throw new CliError(
      `${why} ${reading.note} What it does not have yet, only a worker knows. Nothing was changed.`,
      `When a worker lives, try again. See why none answers with: ${command} doctor`,
      exitCodes.timedOut,
    );
  }
  throw new CliError(`${why} Nothing was changed.`, status, exitCodes.denied);
}

function kindOf(verb: string): WaitView['kind'] {
  if (verb === 'take-over') return 'lease';
  return (deskVerbs as readonly string[]).includes(verb) ? 'failure' : 'approval';
}

const explainNot: Record<WaitView['kind'], (view: RunView, id: string | undefined) => string> = {
  approval: notWaiting,
  failure: notFailed,
  manual: notFailed,
  lease: (view) => `Run ${view.id} does not wait for a target: ${doingNow(view)}.`,
};

function notFailed(view: RunView, step: string | undefined): string {
  const which = step === undefined ? 'No failed step' : `Step ${step}`;
  return `${which} of run ${view.id} ${step === undefined ? 'waits' : 'does not wait'} for people: ${doingNow(view)}.`;
}

function notWaiting(view: RunView, gate: string | undefined): string {
  const doing = doingNow(view);
  if (gate === undefined) return `No gate of run ${view.id} waits for a decision: ${doing}.`;
  const known = view.steps.filter((step) => step.kind === 'approval');
  const step = known.find((each) => each.id === gate);
  if (!step)
    return `Run ${view.id} has no gate ${JSON.stringify(gate)}${known.length > 0 ? `; its gates: ${known.map((each) => each.id).join(', ')}` : ''}.`;
  const decision = decisionAbout(view, gate);
  if (decision)
    return `Gate ${gate} of run ${view.id} was decided already: ${decision.verb} by ${decision.by}.`;
  return `Gate ${gate} of run ${view.id} does not wait for a decision now: ${doing}.`;
}

/** What a run does now, as the end of a sentence. */
function doingNow(view: RunView): string {
  if (view.waitingFor.length > 0)
    return `it waits at ${view.waitingFor.map((wait) => wait.id).join(', ')}`;
  const running = view.steps.findLast(
    (step) => step.state === 'running' || step.state === 'undoing',
  );
  return running
    ? `it is ${view.state}, at step ${running.id} (${running.title})`
    : `it is ${view.state}`;
}

/** The command that sends the same decision again, to get its verdict. */
export function askAgain(command: string, decision: DecisionEnvelope): string {
  const parts = [
    command,
    decision.verb,
    decision.run,
    ...(decision.verb === 'take-over' ? [] : [decision.gate ?? decision.step]).filter(
      (id) => id !== undefined,
    ),
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
    '--decision-id',
    decision.id,
  ];
  return parts.join(' ');
}
