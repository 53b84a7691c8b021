import { createHash } from 'node:crypto';
import { TypedSearchAttributes, type Payload } from '@temporalio/common';
import type { coresdk } from '@temporalio/proto';
// Nothing under lib/ is public: see driver.ts.
import type { ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js';
import type { Payloads } from './payloads.js';
import { isTerminal, type Command, type ScheduleActivity } from './trace.js';

type Activation = coresdk.workflow_activation.WorkflowActivation.$Properties;
export type Job = NonNullable<Activation['jobs']>[number];
type Sandbox = Awaited<ReturnType<ReusableVMWorkflowCreator['createWorkflow']>>;

/** Asked for by a type only: the sandbox brings its own. */
const noRandom = { random: () => 0, uuid4: () => '', fillRandom: (bytes: Uint8Array) => bytes };

/** One execution of the chain that continue-as-new makes. */
export interface Execution {
  runId: string;
  workflowType: string;
  args: Payload[];
  startedAt: number;
  /**
   * As the execution began: what it upserts is not carried on by continue-as-new, unlike search
   * attributes.
   */
  memo: Payloads;
  searchAttributes: Payloads;
  continuedFrom?: string;
  sandbox?: Sandbox;
  events: number;
  /** Another version of the workers is current by now. */
  outdated?: boolean;
}

/** What all executions of a run share. */
export interface RunNames {
  workflowId: string;
  firstRunId: string;
  taskQueue: string;
  namespace: string;
}

/** A sandbox in which the execution begins. */
export function sandboxFor(
  creator: ReusableVMWorkflowCreator,
  { runId, workflowType, startedAt, continuedFrom }: Execution,
  { workflowId, firstRunId, taskQueue, namespace }: RunNames,
): Promise<Sandbox> {
  return creator.createWorkflow({
    info: {
      workflowId,
      runId,
      workflowType,
      firstExecutionRunId: firstRunId,
      originalExecutionRunId: runId,
      ...(continuedFrom === undefined ? {} : { continuedFromExecutionRunId: continuedFrom }),
      typedSearchAttributes: new TypedSearchAttributes(),
      taskQueue,
      namespace,
      attempt: 1,
      historyLength: 3,
      historySize: 0,
      continueAsNewSuggested: false,
      targetWorkerDeploymentVersionChanged: false,
      startTime: new Date(startedAt),
      runStartTime: new Date(startedAt),
      taskTimeoutMs: 10_000,
      unsafe: {
        now: Date.now,
        isReplaying: false,
        isReplayingHistoryEvents: false,
        random: noRandom,
      },
      // Search attributes and memo come with the first job.
    } as Parameters<ReusableVMWorkflowCreator['createWorkflow']>[0]['info'],
    randomnessSeed: [...createHash('sha256').update(runId).digest().subarray(0, 8)],
    now: startedAt,
    showStackTraceSources: false,
  });
}

/** The job that begins an execution. */
export function initialJob(
  { workflowType, args, memo, searchAttributes }: Execution,
  workflowId: string,
): Job {
  return {
    initializeWorkflow: {
      workflowId,
      workflowType,
      arguments: args,
      headers: {},
      memo: { fields: memo },
      searchAttributes: { indexedFields: searchAttributes },
    },
  };
}

/** The order in which Core sorts jobs: the start, then signals, then all others as they came. */
export function inOrderOfCore(jobs: readonly Job[]): Job[] {
  const rankOf = (job: Job): number => (job.initializeWorkflow ? 0 : job.signalWorkflow ? 1 : 2);
  return jobs
    .map((job, place) => ({ job, place, rank: rankOf(job) }))
    .sort((a, b) => a.rank - b.rank || a.place - b.place)
    .map(({ job }) => job);
}

/**
 * What Core would send of one activation's commands: what was scheduled and cancelled at once never
 * was, and the first command that ends the execution comes last.
 */
export function sendable(commands: readonly Command[]): {
  sent: Command[];
  /** Activities that were cancelled before they were sent. */
  unsent: ScheduleActivity[];
} {
  const cancelled = new Set(
    commands.map((each) => each.requestCancelActivity?.seq).filter(isNumber),
  );
  const stopped = new Set(commands.map((each) => each.cancelTimer?.seq).filter(isNumber));
  const activities = commands.flatMap(({ scheduleActivity: each }) =>
    each && cancelled.has(each.seq ?? 0) ? [each] : [],
  );
  const timers = commands
    .map((each) => each.startTimer?.seq)
    .filter((seq) => isNumber(seq) && stopped.has(seq));
  const ofUnsent = ({
    scheduleActivity,
    requestCancelActivity,
    startTimer,
    cancelTimer,
  }: Command): boolean => {
    const activity = scheduleActivity ?? requestCancelActivity;
    const timer = startTimer ?? cancelTimer;
    if (activity) return activities.some((each) => each.seq === activity.seq);
    return timer !== undefined && timer !== null && timers.includes(timer.seq);
  };
  const sent = commands.filter((each) => !ofUnsent(each));
  const last = sent.find(isTerminal);
  return {
    sent: [...sent.filter((each) => !isTerminal(each)), ...(last ? [last] : [])],
    unsent: activities,
  };
}

function isNumber(value: number | null | undefined): value is number {
  return typeof value === 'number';
}
