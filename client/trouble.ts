import type { WorkflowExecutionDescription } from '@temporalio/client';
import protos from '@temporalio/proto';
import { namedHost } from '../common/queues.js';
import type { Problem } from '../common/view.js';
import type { Temporal } from './connect.js';

/** Milliseconds that a task may wait for a worker: an idle one takes it at once. */
const unheardMs = 10_000;
/** Two time-outs in a row can be bad luck with workers; more are a fault. */
const timeOutsInARow = 3;
const serverPatienceMs = 4_000;

const { PendingActivityState, PendingWorkflowTaskState, WorkflowTaskFailedCause } =
  protos.temporal.api.enums.v1;
/** Causes of failed tasks that are normal, and do not repeat. */
const harmless: ReadonlySet<number> = new Set([
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE,
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FAILOVER_CLOSE_COMMAND,
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_UPDATE,
]);

/**
 * Errors of a worker whose release lacks the code of a code-first runbook; and of one that could
 * not begin a run of this type: the first time and, until the run is evicted, later.
 */
const unknownType =
  /this release has no code for runbook|no such function is exported|untracked workflow with no init workflow job/;

/**
 * Why a run cannot go on although nothing is asked of people: `WorkflowFails`, `CodeGone`,
 * `NoWorker` or `RecordFails`.
 */
export type Trouble = Required<Omit<Problem, 'command' | 'input'>>;

/**
 * Why a live run is stuck, in words; null when it is not. Temporal retries a failing workflow task
 * for ever, so nothing is lost: once the cause is fixed, the run goes on by itself.
 */
export async function troubleOf(
  temporal: Temporal,
  execution: WorkflowExecutionDescription,
): Promise<Trouble | null> {
  if (execution.status.name !== 'RUNNING') return null;
  const task = execution.raw.pendingWorkflowTask;
  if (!task) return notTaken(execution) ?? hostless(execution);
  const attempt = task.attempt ?? 1;
  if (attempt > 1) return failing(temporal, execution, attempt);
  const since = Number(task.scheduledTime?.seconds ?? 0) * 1_000;
  const waits = task.state === PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED;
  return waits && Date.now() - since > unheardMs ? untaken(execution.taskQueue, since) : null;
}

/** The engine's own activities that should succeed at once: each is retried until it does. */
const ofEngine: ReadonlySet<string> = new Set(['admit', 'judge', 'record', 'refuse', 'settle']);
/** A few failures in a row are normal while PostgreSQL restarts. */
const failuresInARow = 5;

/** A save that the record does not take: the run waits for it. */
function notTaken({ raw }: WorkflowExecutionDescription): Trouble | null {
  const failing = (raw.pendingActivities ?? []).find(
    ({ activityType, attempt, lastFailure }) =>
      ofEngine.has(activityType?.name ?? '') && (attempt ?? 1) > failuresInARow && lastFailure,
  );
  if (!failing) return null;
  const why = failing.lastFailure?.message?.split('\n', 1)[0]?.slice(0, 300) || 'no reason given';
  return {
    type: 'RecordFails',
    message:
      `${failing.activityType?.name} has failed ` +
      `${(failing.attempt ?? 1) - 1} times in a row: ${why}`,
    next:
      'look at the record in PostgreSQL and at the logs ' +
      'of the workers; the run then goes on by itself',
  };
}

/** A step that says on which host it runs, and that no worker there takes. */
function hostless({ raw, taskQueue }: WorkflowExecutionDescription): Trouble | null {
  for (const { activityId, activityOptions, scheduledTime, state } of raw.pendingActivities ?? []) {
    const host = namedHost(taskQueue, activityOptions?.taskQueue?.name ?? '');
    const since = Number(scheduledTime?.seconds ?? 0) * 1_000;
    const waits = state === PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED;
    if (host === null || !waits || Date.now() - since < unheardMs) continue;
    return {
      type: 'NoWorker',
      message: `step ${activityId} has to run on host ${host}, and no worker there has taken it`,
      next: `start a worker on ${host} (RUNBOOK_HOST says what it calls itself)`,
    };
  }
  return null;
}

/**
 * Classifies the error of a query to a waiting run: the query replays the run's code from the
 * start.
 * @param error of the query
 * @returns null when no worker has tried to answer
 */
export function troubleOfQuery(runbook: string, error: unknown): Trouble | null {
  if (!(error instanceof Error)) return null;
  const gone = codeGone(runbook, error.message);
  if (gone) return gone;
  return error.name === 'QueryNotRegisteredError'
    ? whyItFails(runbook, null, error.message, 0)
    : null;
}

function codeGone(runbook: string, text: string): Trouble | null {
  if (!unknownType.test(text)) return null;
  return {
    type: 'CodeGone',
    message: `no worker knows runbook ${runbook} any more`,
    next: `deploy a release that has ${runbook}; the run then goes on by itself`,
  };
}

async function failing(
  temporal: Temporal,
  { workflowId, runId, type, taskQueue }: WorkflowExecutionDescription,
  attempt: number,
): Promise<Trouble | null> {
  const { history } = await temporal.within(serverPatienceMs, () =>
    temporal.connection.workflowService.getWorkflowExecutionHistoryReverse({
      namespace: temporal.namespace,
      execution: { workflowId, runId },
      maximumPageSize: 30,
    }),
  );
  for (const event of history?.events ?? []) {
    const failed = event.workflowTaskFailedEventAttributes;
    if (failed) {
      if (harmless.has(failed.cause ?? 0)) return null;
      return whyItFails(type, attempt, failed.failure?.message ?? '', failed.cause ?? 0);
    }
    if (event.workflowTaskTimedOutEventAttributes) break;
    if (event.workflowTaskCompletedEventAttributes) return null;
  }
  if (attempt < timeOutsInARow) return null;
  return {
    type: 'WorkflowFails',
    message: `no worker of task queue ${taskQueue} has answered in time, ${attempt} times in a row`,
    next: 'look at the load and the logs of the workers; the run then goes on by itself',
  };
}

function whyItFails(
  runbook: string,
  attempt: number | null,
  message: string,
  cause: number,
): Trouble {
  const gone = codeGone(runbook, message);
  if (gone) return gone;
  const tries = attempt === null ? '' : ` (attempt ${attempt})`;
  const what = message.split('\n', 1)[0]?.slice(0, 300) || 'no reason given';
  if (
    cause === Number(WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR) ||
    /TMPRL1100/.test(what)
  ) {
    return {
      type: 'WorkflowFails',
      message:
        `the workers' code of ${runbook} does not fit ` +
        `what this run has done so far${tries}: ${what}`,
      next: 'deploy the release that the run began with; it then goes on by itself',
    };
  }
  return {
    type: 'WorkflowFails',
    message: `the code of ${runbook} fails${tries}: ${what}`,
    next:
      'report it with the run id, and deploy a ' +
      'corrected release; the run then goes on by itself',
  };
}

function untaken(taskQueue: string, since: number): Trouble {
  return {
    type: 'NoWorker',
    message:
      `no worker of task queue ${taskQueue} has taken its next task for ` +
      `${Math.round((Date.now() - since) / 1_000)} s`,
    next:
      `start a worker there (RUNBOOK_TASK_QUEUE=${taskQueue}), ` +
      'or more of them if they are busy',
  };
}
