import { randomBytes } from 'node:crypto';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { StartEnvelope } from '../common/envelope.js';
import { runId, startOptions } from '../common/start-options.js';
import type { Plan } from '../language/plan.js';
import { CliError, isNotFound, isUnanswered } from './errors.js';
import { exitCodes } from './exit-codes.js';
import type { Session } from './session.js';

/** A readable id that no other run has. */
export const newRunId = (runbook: string): string =>
  runId(runbook, new Date(), randomBytes(2).toString('hex'));

export interface StartedRun {
  id: string;
  /** Temporal's id of the execution. */
  runId: string;
  /** False when this id had been started before: nothing new was started. */
  started: boolean;
}

/**
 * Starts the run of an admitted plan. An id that was used before starts nothing, whether that run
 * still goes on or not.
 * @throws CliError with exit code 2 when the id belongs to a run of another runbook
 */
export async function startRun(
  session: Session,
  envelope: StartEnvelope,
  plan: Plan,
): Promise<StartedRun> {
  const temporal = await session.temporal();
  try {
    const handle = await temporal.within(10_000, () =>
      temporal.client.workflow.start(envelope.runbook, {
        ...startOptions(envelope, plan),
        taskQueue: temporal.taskQueue,
        workflowIdConflictPolicy: 'FAIL',
      }),
    );
    return { id: envelope.run, runId: handle.firstExecutionRunId, started: true };
  } catch (error) {
    if (isUnanswered(error))
      throw new CliError(
        `The Temporal server at ${temporal.address} did not answer in time: it is not known ` +
          `whether run ${envelope.run} was started.`,
        `See whether it was with: ${session.command} status ${envelope.run}. To start it ` +
          `again, add --id ${envelope.run}: the same id starts nothing twice.`,
        exitCodes.timedOut,
      );
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return sameRun(session, envelope);
  }
}

/**
 * The run that has this id already, or null.
 * @throws CliError with exit code 2 when it is a run of another runbook
 */
export async function existingRun(
  session: Session,
  envelope: StartEnvelope,
): Promise<StartedRun | null> {
  try {
    return await sameRun(session, envelope);
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

async function sameRun(session: Session, envelope: StartEnvelope): Promise<StartedRun> {
  const temporal = await session.temporal();
  const found = await temporal.within(5_000, () =>
    temporal.client.workflow.getHandle(envelope.run).describe(),
  );
  if (found.type !== envelope.runbook) {
    throw new CliError(
      `The id ${envelope.run} belongs to a run of ${found.type}; nothing was started.`,
      'Give another --id, or leave it out.',
      exitCodes.usage,
    );
  }
  return { id: envelope.run, runId: found.runId, started: false };
}
