import { createHash } from 'node:crypto';
import {
  ActivityFailure,
  defaultPayloadConverter,
  ensureApplicationFailure,
  mapToPayloads,
  TimeoutFailure,
  TimeoutType,
} from '@temporalio/common';
import proto, { type coresdk } from '@temporalio/proto';
import type { JsonObject } from '../../language/json.js';
import { Agenda, type Appointment } from './agenda.js';
import { randomFrom } from './random.js';
import type { ActivityFunction } from './attempt.js';
import { initialJob, sendable, type Execution, type Job } from './execution.js';
import { failureConverter, isEmpty, msOf, payloadsOf } from './payloads.js';
import { activityFailure, cancelledFailure, isCancelled, Task } from './task.js';
import {
  endingOf,
  isTerminal,
  outline,
  traceOf,
  type Command,
  type Ending,
  type ScheduleActivity,
  type TraceEntry,
} from './trace.js';

type ContinueAsNew = coresdk.workflow_commands.ContinueAsNewWorkflowExecution.$Properties;

// Generated CommonJS: Node finds no names in it.
const { ActivityCancellationType } = proto.coresdk.workflow_commands;
const { RetryState } = proto.temporal.api.enums.v1;

export interface RunOptions {
  activities: Record<string, ActivityFunction>;
  workflowId?: string;
  /**
   * Decides the workflow's randomness, its run ids, and the order of what is simultaneous when
   * `interleave` is set.
   */
  seed?: number;
  /**
   * Lets the seed pick among activities that ended and timers that are due at the same moment; else
   * the older one is first.
   */
  interleave?: boolean;
  /** Virtual start, in milliseconds since 1970. */
  now?: number;
  /** Id of the first execution, to repeat a run of a real server. */
  runId?: string;
  namespace?: string;
  taskQueue?: string;
  memo?: JsonObject;
  /**
   * Task queues that no worker serves: what is scheduled there ends with its schedule-to-start
   * timeout.
   */
  deserted?: readonly string[];
  /** History events after which Temporal suggests to continue as new. */
  suggestContinueAsNewAt?: number;
}

const defaultStart = Date.UTC(2026, 0, 1);

/** What a server does with the commands of one run. */
export class Server {
  /** Every command so far, over all executions of the chain. */
  readonly trace: TraceEntry[] = [];
  readonly workflowId: string;

  protected readonly agenda: Agenda;
  protected readonly random: () => number;
  protected readonly firstRunId: string;
  protected execution: Execution;
  protected jobs: Job[] = [];
  protected tasks = new Map<number, Task>();
  protected ending: Ending | undefined;
  private executions = 0;
  private timers = new Map<number, Appointment>();

  constructor(
    workflowType: string,
    args: unknown[],
    protected readonly options: RunOptions,
  ) {
    this.workflowId = options.workflowId ?? `${workflowType}-driven`;
    this.random = randomFrom(options.seed ?? 1);
    this.agenda = new Agenda(
      options.now ?? defaultStart,
      options.interleave ? this.random : undefined,
    );
    this.firstRunId = options.runId ?? this.nextRunId();
    this.execution = {
      runId: this.firstRunId,
      workflowType,
      args: payloadsOf(args),
      startedAt: this.agenda.now,
      memo: mapToPayloads(defaultPayloadConverter, options.memo ?? {}),
      searchAttributes: {},
      events: 0,
    };
    this.jobs.push(initialJob(this.execution, this.workflowId));
  }

  protected async leaveSandbox(): Promise<void> {
    const { sandbox } = this.execution;
    delete this.execution.sandbox;
    await sandbox?.dispose();
  }

  protected async obey(issued: readonly Command[]): Promise<void> {
    const { sent, unsent } = sendable(issued);
    for (const activity of unsent)
      this.resolve(activity, { cancelled: { failure: cancelledFailure(activity) } });
    for (const command of sent) {
      this.trace.push(
        traceOf(command, (seq) => this.tasks.get(seq)?.id ?? '', this.execution.memo),
      );
      await this.perform(command);
    }
  }

  private async perform(command: Command): Promise<void> {
    const {
      scheduleActivity,
      requestCancelActivity,
      startTimer,
      cancelTimer,
      continueAsNewWorkflowExecution,
    } = command;
    if (scheduleActivity) this.schedule(scheduleActivity);
    else if (requestCancelActivity) this.cancelActivity(requestCancelActivity.seq ?? 0);
    else if (startTimer) this.startTimer(startTimer.seq ?? 0, msOf(startTimer.startToFireTimeout));
    else if (cancelTimer) this.takeTimer(cancelTimer.seq ?? 0)?.cancel();
    else if (command.upsertWorkflowSearchAttributes)
      Object.assign(
        this.execution.searchAttributes,
        command.upsertWorkflowSearchAttributes.searchAttributes?.indexedFields,
      );
    else if (continueAsNewWorkflowExecution)
      await this.continueAsNew(continueAsNewWorkflowExecution);
    else if (isTerminal(command)) this.finish(endingOf(command));
  }

  private startTimer(seq: number, ms: number): void {
    const fire = (): void => {
      this.takeTimer(seq);
      this.jobs.push({ fireTimer: { seq } });
    };
    this.timers.set(seq, this.agenda.in(ms, fire));
  }

  private takeTimer(seq: number): Appointment | undefined {
    const timer = this.timers.get(seq);
    this.timers.delete(seq);
    return timer;
  }

  private schedule(command: ScheduleActivity): void {
    const play = this.options.activities[command.activityType ?? ''];
    if (!play)
      throw new Error(
        `the test gives no activity ${command.activityType}; add it to the activities of the run`,
      );
    const task = new Task(command, play, this.agenda);
    this.tasks.set(task.seq, task);
    if (!this.options.deserted?.includes(command.taskQueue ?? '')) return task.begin();
    const timeout = new TimeoutFailure(
      'activity ScheduleToStart timeout',
      undefined,
      TimeoutType.SCHEDULE_TO_START,
    );
    const cause = failureConverter.errorToFailure(timeout, defaultPayloadConverter);
    const { RETRY_STATE_NON_RETRYABLE_FAILURE: never } = RetryState;
    const failure = activityFailure(command, 'Activity task timed out', cause, never);
    task.waitForWorker(msOf(command.scheduleToStartTimeout) || Infinity, () =>
      this.close(task, { failed: { failure } }),
    );
  }

  private cancelActivity(seq: number): void {
    const task = this.tasks.get(seq);
    if (!task) return;
    const { WAIT_CANCELLATION_COMPLETED: waits, ABANDON } = ActivityCancellationType;
    if (task.command.cancellationType === ABANDON)
      throw new Error('the driver cannot play activities that are abandoned');
    // One that waits for its next attempt is not at any worker: the server ends it by itself.
    const atWorker = task.requestCancel();
    if (task.command.cancellationType !== waits || !atWorker)
      this.close(task, { cancelled: { failure: cancelledFailure(task.command) } });
  }

  /** What the server makes of an attempt's end: the activity's end, or another attempt later. */
  protected conclude(task: Task): void {
    const { outcome } = task.attempt ?? {};
    if (!outcome) return;
    if ('value' in outcome) {
      const result = defaultPayloadConverter.toPayload(outcome.value);
      return this.close(task, { completed: result === undefined ? {} : { result } });
    }
    if (task.cancelRequested && isCancelled(outcome.error)) {
      return this.close(task, { cancelled: { failure: cancelledFailure(task.command) } });
    }
    // What a server itself answers, word for word.
    if (outcome.error instanceof ActivityFailure)
      return this.close(task, {
        failed: {
          failure: failureConverter.errorToFailure(outcome.error, defaultPayloadConverter),
        },
      });
    const error =
      outcome.error instanceof TimeoutFailure
        ? outcome.error
        : ensureApplicationFailure(outcome.error);
    const next = task.retry(error);
    if (next === RetryState.RETRY_STATE_IN_PROGRESS) return;
    const cause = failureConverter.errorToFailure(error, defaultPayloadConverter);
    const message =
      error instanceof TimeoutFailure ? 'Activity task timed out' : 'Activity task failed';
    this.close(task, { failed: { failure: activityFailure(task.command, message, cause, next) } });
  }

  private close(task: Task, result: coresdk.activity_result.ActivityResolution.$Properties): void {
    task.giveUp();
    this.tasks.delete(task.seq);
    this.resolve(task.command, result);
  }

  private resolve(
    { seq }: ScheduleActivity,
    result: coresdk.activity_result.ActivityResolution.$Properties,
  ): void {
    this.jobs.push({ resolveActivity: { seq: seq ?? 0, result } });
  }

  private async continueAsNew(command: ContinueAsNew): Promise<void> {
    const { runId, memo, searchAttributes, workflowType } = this.execution;
    this.abandonWork();
    // Signals that came meanwhile are for the next execution.
    this.jobs = this.jobs.filter((job) => job.signalWorkflow);
    await this.leaveSandbox();
    const backoff = msOf(command.backoffStartInterval);
    this.execution = {
      runId: this.nextRunId(),
      workflowType: command.workflowType ?? workflowType,
      args: command.arguments ?? [],
      startedAt: this.agenda.now + backoff,
      memo: { ...(isEmpty(command.memo) ? memo : command.memo) },
      searchAttributes: { ...(command.searchAttributes?.indexedFields ?? searchAttributes) },
      continuedFrom: runId,
      events: 0,
    };
    const begin = (): void => void this.jobs.unshift(initialJob(this.execution, this.workflowId));
    if (backoff > 0) this.agenda.in(backoff, begin);
    else begin();
  }

  private finish(ending: Ending): void {
    this.ending = ending;
    this.jobs = [];
    this.abandonWork();
  }

  /** Closing an execution ends its timers; its activities may run on, but nobody listens. */
  private abandonWork(): void {
    for (const task of this.tasks.values()) task.giveUp();
    for (const timer of this.timers.values()) timer.cancel();
    this.tasks = new Map();
    this.timers = new Map();
  }

  private nextRunId(): string {
    const hash = createHash('sha256').update(
      `${this.workflowId}/${this.options.seed ?? 1}/${this.executions++}`,
    );
    return hash.digest('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
  }

  protected heldIds(): string[] {
    return [...this.tasks.values()]
      .filter(({ attempt }) => attempt?.state === 'held')
      .map(({ id }) => id);
  }

  protected progress(): string {
    return `It did: ${outline(this.trace).join(', ')}.`;
  }
}
