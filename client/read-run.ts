import type { WorkflowExecutionDescription } from '@temporalio/client';
import { queryWithRetry } from '../common/ask-again.js';
import { messageNames } from '../common/defaults.js';
import { searchAttributes } from '../common/search-attributes.js';
import type { Problem, RunState, RunView } from '../common/view.js';
import { nextStep } from '../common/next-step.js';
import type { Temporal } from './connect.js';
import { CliError, isNotFound, isRecordAway, isUnreachable, nothingAnswers } from './errors.js';
import { exitCodes, hasEnded } from './exit-codes.js';
import { pausesOf, type TemporalPause } from '../common/temporal-pauses.js';
import { pendingAttempts, type PendingAttempt } from './pending.js';
import type { Session } from './session.js';
import { troubleOf, troubleOfQuery, type Trouble } from './trouble.js';
import { noSuchRun } from './unknown-run.js';
import { quoted } from '../common/visibility.js';

/** Milliseconds that a worker gets to answer before the record is read instead. */
const workerPatienceMs = 2_500;
const serverPatienceMs = 4_000;

export interface RunReading {
  view: RunView;
  /** Temporal's id of the execution, for links; null when Temporal does not have the run. */
  runId: string | null;
  /** Its workflow is over: the run has made its last save to the record. */
  isClosed: boolean;
  /** Why the view may be out of date; null when it is live. */
  note: string | null;
  /** Running attempts, by Temporal. */
  pending: PendingAttempt[];
  /** What was paused in Temporal itself. */
  pauses: TemporalPause[];
  /** What keeps the run from going on; null when nothing does. */
  trouble: Trouble | null;
}

/** The run was started, and no worker has admitted it yet. */
export class NotAdmittedYet extends CliError {}

/** The id that a RUN argument stands for: `@latest` is the newest run. @throws CliError */
export async function resolveRun(session: Session, run: string): Promise<string> {
  if (run !== '@latest') return run;
  const [recorded, listed] = await Promise.allSettled([
    newestInRecord(session),
    newestInTemporal(session),
  ]);
  // A run reaches the record when it is admitted and Temporal's list a moment after its start:
  // either may be ahead.
  const found = [recorded, listed].flatMap((each) =>
    each.status === 'fulfilled' && each.value ? [each.value] : [],
  );
  const newest = found.sort((a, b) => b.startedAt.localeCompare(a.startedAt))[0];
  if (newest) return newest.id;
  // One of them does not answer: there may be a run that only it knows.
  for (const each of [listed, recorded]) if (each.status === 'rejected') throw each.reason;
  throw new CliError(
    'There is no run yet.',
    `Start one with: ${session.command} start RUNBOOK`,
    exitCodes.usage,
  );
}

interface Newest {
  id: string;
  /** ISO time. */
  startedAt: string;
}

async function newestInRecord(session: Session): Promise<Newest | null> {
  const pool = await session.record();
  if (!pool) return null;
  const { latestRun } = await import('../store/index.js');
  return latestRun(pool);
}

/** Temporal lists the runs that ended last first: it is asked until it knows no newer one. */
async function newestInTemporal(session: Session): Promise<Newest | null> {
  const temporal = await session.temporal();
  for (let newest: Newest | null = null; ;) {
    const found = await someRun(temporal, newest);
    if (found === null) return newest;
    newest = found;
  }
}

/** A run that was started later than this one, by a millisecond or more. */
async function someRun(temporal: Temporal, before: Newest | null): Promise<Newest | null> {
  const later = before && new Date(Date.parse(before.startedAt) + 1).toISOString();
  // Of this queue alone: a namespace may be shared with others. The record knows the runs of all of
  // its queues.
  const query = [
    `${searchAttributes.state.name} IS NOT NULL`,
    `TaskQueue = ${quoted(temporal.taskQueue)}`,
    ...(later ? [`StartTime >= ${quoted(later)}`] : []),
  ].join(' AND ');
  return temporal.within(serverPatienceMs, async () => {
    for await (const execution of temporal.client.workflow.list({ query, pageSize: 1 }))
      return { id: execution.workflowId, startedAt: execution.startTime.toISOString() };
    return null;
  });
}

/** As `readAsWritten`, with the commands that it names in the form that works here. */
export async function readRun(session: Session, run: string): Promise<RunReading> {
  const reading = await readAsWritten(session, run);
  const said = <P extends Problem | null>(problem: P): P => {
    if (problem?.command === undefined) return problem;
    const { command, ...rest } = problem;
    return { ...rest, next: nextStep(problem, session.command) } as P;
  };
  const { view } = reading;
  const steps = view.steps.map((step) => ({ ...step, error: said(step.error) }));
  return { ...reading, view: { ...view, steps, problem: said(view.problem) } };
}

/**
 * The present state of a run: queried from a worker, else read from the record, with a note that
 * says so.
 * @throws CliError when there is no such run, or its state cannot be read
 * @throws NotAdmittedYet
 */
async function readAsWritten(session: Session, run: string): Promise<RunReading> {
  const temporal = await session.temporal();
  const handle = temporal.client.workflow.getHandle(run);
  const [described, queried] = await Promise.allSettled([
    temporal.within(serverPatienceMs, () => handle.describe()),
    temporal.within(workerPatienceMs, () =>
      queryWithRetry(() => handle.query<RunView>(messageNames.status)),
    ),
  ]);
  if (described.status === 'rejected') {
    const error: unknown = described.reason;
    if (!isNotFound(error) && !isUnreachable(error)) throw error;
    const why = isNotFound(error)
      ? 'Temporal no longer has the run'
      : `no Temporal server answers at ${temporal.address}`;
    const view = await fromRecord(session, run, why, error);
    const note = `Read from the record: ${why}.`;
    const isClosed = hasEnded(view.state);
    return { view, runId: null, isClosed, note, pending: [], pauses: [], trouble: null };
  }
  const execution = described.value;
  const { runId } = execution;
  const isClosed = execution.closeTime !== undefined;
  const pending = pendingAttempts(execution);
  const pauses = pausesOf(temporal, execution);
  const trouble =
    // Then the cause of its trouble is not certain, but its state is.
    (await troubleOf(temporal, execution).catch(() => null)) ??
    (queried.status === 'rejected' && !execution.closeTime && !isNotAdmitted(queried.reason)
      ? troubleOfQuery(execution.type, queried.reason)
      : null);
  if (queried.status === 'fulfilled') {
    const overlaid = overlay(queried.value, execution);
    // The run could not record its end; the keeper recorded it, with what was left.
    const view =
      overlaid === queried.value
        ? overlaid
        : ((await closedInRecord(session, overlaid)) ?? overlaid);
    return { view, runId, isClosed, note: null, pending, pauses, trouble };
  }
  if (isNotAdmitted(queried.reason)) throw await notAdmitted(session, run, execution);
  const view = await fromRecord(session, run, 'no worker answers', queried.reason);
  const why =
    trouble && trouble.type !== 'NoWorker'
      ? 'no worker can tell how it stands'
      : pauses.some(({ step }) => step === null)
        ? 'a run that is paused in Temporal cannot be asked'
        : 'no worker answers';
  return {
    view: overlay(view, execution),
    runId,
    isClosed,
    // A worker could say no more of a run that has recorded its end.
    note: hasEnded(view.state) ? null : `Read from the record: ${why}.`,
    pending,
    pauses,
    trouble,
  };
}

/** As `readRun`, and waits a moment for a run that was started just now. */
export async function readRunSoon(
  session: Session,
  run: string,
  patienceMs = 5_000,
): Promise<RunReading> {
  const until = Date.now() + patienceMs;
  for (;;) {
    try {
      return await readRun(session, run);
    } catch (error) {
      if (!(error instanceof NotAdmittedYet) || Date.now() > until) throw error;
      await new Promise((wake) => setTimeout(wake, 100));
    }
  }
}

async function fromRecord(
  session: Session,
  run: string,
  why: string,
  cause: unknown,
): Promise<RunView> {
  const pool = await session.record();
  if (!pool) {
    if (isNotFound(cause)) throw await noSuchRun(session, run);
    if (why !== 'no worker answers') throw cause;
    throw new CliError(
      `No worker answers for run ${run}, and the address of the record is not configured.`,
      `Start a worker with: ${session.command} worker. ` +
        'Or set RUNBOOK_DATABASE_URL to read the record.',
      exitCodes.timedOut,
    );
  }
  const { getRun } = await import('../store/index.js');
  let view: RunView | null;
  try {
    view = await getRun(pool, run);
  } catch (error) {
    // Both are down: report Temporal, which is asked first, and name the record too.
    if (isRecordAway(error) && !isNotFound(cause) && why !== 'no worker answers') {
      throw nothingAnswers((await session.temporal()).address, session.command);
    }
    throw error;
  }
  if (view) return { ...view, source: 'record' };
  if (isNotFound(cause)) throw await noSuchRun(session, run);
  throw new CliError(
    `${why[0]?.toUpperCase()}${why.slice(1)}, and the record does not know run ${run}.`,
    `Start a worker with: ${session.command} worker. See ` +
      `the runs in the record with: ${session.command} runs`,
    exitCodes.timedOut,
  );
}

async function closedInRecord(
  session: Session,
  { id, firstRunId }: RunView,
): Promise<RunView | null> {
  try {
    const pool = await session.record();
    const { getRun } = await import('../store/index.js');
    const view = pool && (await getRun(pool, { run: id, firstRunId }));
    return view && hasEnded(view.state) ? view : null;
  } catch (error) {
    if (isRecordAway(error)) return null;
    throw error;
  }
}

/** Ends that the run itself could not record: Temporal knows them, the view does not. */
function overlay(view: RunView, execution: WorkflowExecutionDescription): RunView {
  const state = endBehindOurBack[execution.status.name];
  if (!state || hasEnded(view.state)) return view;
  const endedAt = execution.closeTime?.toISOString() ?? null;
  const problem = view.problem ?? {
    type: 'Terminated',
    message:
      `the run was ended in Temporal (${execution.status.name.toLowerCase()}); what ran then ` +
      'was not waited for and nothing was undone',
    next: 'Look at the last steps and at the target before you start again.',
  };
  return { ...view, state, endedAt, problem, waitingFor: [] };
}

const endBehindOurBack: Partial<Record<string, RunState>> = {
  TERMINATED: 'terminated',
  TIMED_OUT: 'terminated',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
};

function isNotAdmitted(error: unknown): boolean {
  return error instanceof Error && /not admitted yet/.test(error.message);
}

/**
 * Either its admission is still to come, or it was refused: then the run has failed and says why.
 */
async function notAdmitted(
  session: Session,
  run: string,
  execution: WorkflowExecutionDescription,
): Promise<CliError> {
  if (execution.status.name === 'RUNNING' || execution.status.name === 'PAUSED') {
    return new NotAdmittedYet(
      `Run ${run} was started and is not admitted yet.`,
      `Ask again with: ${session.command} status ${run}`,
      exitCodes.timedOut,
    );
  }
  const { client } = await session.temporal();
  const why = await client.workflow
    .getHandle(run)
    .result()
    .then(
      () => 'it ended before it was admitted',
      (error: unknown) =>
        String(
          (error as { cause?: Error }).cause?.message ?? 'it was ended before it was admitted',
        ),
    );
  return new CliError(
    `Run ${run} was not admitted: ${why.replace(/\.$/, '')}.`,
    `Nothing was changed. See the runbook with: ${session.command} show ${execution.type}`,
    exitCodes.failed,
  );
}
