import { randomUUID } from 'node:crypto';
import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { Admission } from '../common/admission.js';
import { launchWorkflow, workflowTaskTimeout } from '../common/defaults.js';
import type { StartEnvelope } from '../common/envelope.js';
import { markdown } from '../common/markdown.js';
import { taskPriority } from '../common/start-options.js';
import type { Temporal } from './connect.js';
import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import type { Session } from './session.js';
import { withinMs } from './within-ms.js';
import { workersOf } from './workers.js';

/** Milliseconds after which we check whether any worker is alive. */
const firstCheckMs = 5_000;
/** Milliseconds that live but busy workers get. */
const busyPatienceMs = 20_000;
/** Nobody answers for a runbook. */
export class NoWorker extends CliError {}

/** Time-out of the launch workflow: it ends even when nobody waits for it any more. */
const launchTimeout = '60s';

/**
 * Asks a worker whether these inputs would be admitted, and for the plan that would run. Starts no
 * run.
 * @param patienceMs how long live but busy workers get
 * @throws NoWorker with exit code 6
 */
export async function previewPlan(
  session: Session,
  envelope: StartEnvelope,
  patienceMs = busyPatienceMs,
): Promise<Admission> {
  const temporal = await session.temporal();
  const question: StartEnvelope = { ...envelope, id: randomUUID(), verb: 'plan' };
  const handle = await temporal.within(10_000, () =>
    temporal.client.workflow.start(launchWorkflow, {
      workflowId: `launch-${question.id}`,
      taskQueue: temporal.taskQueue,
      args: [question],
      workflowExecutionTimeout: launchTimeout,
      workflowTaskTimeout,
      // Somebody waits for the answer, and which runbook it is of is known only then.
      priority: taskPriority('CRITICAL'),
      staticSummary: `Plan of ${markdown(question.runbook)} for ${markdown(question.by)}`,
    }),
  );
  const answer = handle.result() as Promise<Admission>;
  // Awaited below; a failure before that must not count as unhandled.
  answer.catch(() => undefined);
  try {
    const early = await withinMs(answer, Math.min(firstCheckMs, patienceMs));
    if (early) return early;

    const workers = await workersOf(temporal);
    if (patienceMs > firstCheckMs && workers.some((worker) => worker.recent)) {
      const late = await withinMs(answer, patienceMs - firstCheckMs);
      if (late) return late;
    }
    throw noWorker(session, temporal, workers.length);
  } finally {
    session.beforeClose(forget(temporal, handle));
  }
}

function noWorker(session: Session, temporal: Temporal, seen: number): NoWorker {
  const queue = `task queue ${temporal.taskQueue} at ${temporal.address}`;
  return new NoWorker(
    seen === 0 ? `No worker polls ${queue}.` : `No worker on ${queue} answered in time.`,
    seen === 0
      ? `Start one with: ${session.command} worker. Or ` +
          `start everything here with: ${session.command} dev`
      : `See why with: ${session.command} doctor. Start ` +
          `another one with: ${session.command} worker`,
    exitCodes.timedOut,
  );
}

/**
 * Deletes the question, which ends it too: Temporal's list is for runs. Where that fails, a worker
 * deletes it soon.
 */
async function forget(
  temporal: Temporal,
  { workflowId, firstExecutionRunId: runId }: WorkflowHandleWithFirstExecutionRunId,
): Promise<void> {
  const { client, namespace } = temporal;
  await temporal
    .within(3_000, () =>
      client.workflowService.deleteWorkflowExecution({
        namespace,
        workflowExecution: { workflowId, runId },
      }),
    )
    .catch(() => undefined);
}
