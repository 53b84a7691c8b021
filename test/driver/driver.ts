import { createHash } from 'node:crypto';
import { type Context } from 'node:vm';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  DefaultFailureConverter,
  defaultPayloadConverter,
  ensureApplicationFailure,
  mapFromPayloads,
  mapToPayloads,
  TimeoutFailure,
  TimeoutType,
  toPayloads,
  TypedSearchAttributes,
  type Payload,
} from '@temporalio/common';
import proto, { type coresdk, type temporal } from '@temporalio/proto';
/*
 * Inside of the SDK: nothing under lib/ is public, and each may change with any release. They are
 * imported here and nowhere else, `sdkVersion` says for which release this file was written, and
 * same-trace.test.ts holds it against a real server.
 */
import { searchAttributePayloadConverter } from '@temporalio/common/lib/converter/payload-search-attributes.js';
import { msOptionalToNumber } from '@temporalio/common/lib/time.js';
import { parseWorkflowCode } from '@temporalio/worker/lib/worker.js';
import { ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js';
import { globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared.js';
import type { Json, JsonObject } from '../../language/json.js';

/**
 * The release of every `@temporalio/*` package that this driver imitates; sdk-version.test.ts says
 * what to do about a new one.
 */
export const sdkVersion = '1.24.0';

type Activation = coresdk.workflow_activation.WorkflowActivation.$Properties;
type Job = NonNullable<Activation['jobs']>[number];
type Command = coresdk.workflow_commands.WorkflowCommand.$Properties;
type ScheduleActivity = coresdk.workflow_commands.ScheduleActivity.$Properties;
type ContinueAsNew = coresdk.workflow_commands.ContinueAsNewWorkflowExecution.$Properties;
type Failure = temporal.api.failure.v1.Failure.$Properties;
type Duration = NonNullable<ScheduleActivity['startToCloseTimeout']>;
type Payloads = Record<string, Payload>;
type Sandbox = Awaited<ReturnType<ReusableVMWorkflowCreator['createWorkflow']>>;

// Generated CommonJS: Node finds no names in it.
const { ActivityCancellationType } = proto.coresdk.workflow_commands;
const { WorkflowActivation } = proto.coresdk.workflow_activation;
const { RetryState } = proto.temporal.api.enums.v1;

/**
 * One command of a workflow, in the order issued; `ms` are milliseconds. What Temporal fills in is
 * filled in here too.
 */
export type TraceEntry =
  | {
      type: 'activity';
      activity: string;
      id: string;
      input: Json[];
      startToCloseMs: number;
      heartbeatMs: number;
      retry: RetryPolicy;
      summary: string;
    }
  | { type: 'cancel-activity'; id: string }
  | { type: 'timer'; id: string; ms: number; summary: string }
  | { type: 'cancel-timer'; id: string }
  | { type: 'search-attributes'; values: JsonObject }
  | { type: 'memo'; values: JsonObject }
  | { type: 'patch'; id: string }
  | { type: 'continue-as-new'; workflow: string; input: Json[]; memo: JsonObject }
  | { type: 'complete'; result: Json }
  | { type: 'fail'; failure: TraceFailure }
  | { type: 'cancel' };

export interface TraceFailure {
  type: string;
  message: string;
  nonRetryable: boolean;
}

export interface RetryPolicy {
  initialMs: number;
  factor: number;
  maxMs: number;
  /** 0: without end. */
  attempts: number;
  nonRetryable: string[];
}

/** What an activity function knows of the attempt that it plays. */
export interface ActivityContext {
  readonly activityId: string;
  /** From 1. */
  readonly attempt: number;
  readonly taskQueue: string;
  /** Aborted once the workflow asked for the activity's end; the reason is a CancelledFailure. */
  readonly signal: AbortSignal;
  /** Virtual milliseconds since 1970. */
  now(): number;
  /** Takes virtual time, none of the real one. */
  sleep(ms: number): Promise<void>;
  /** Runs, in virtual time, until the workflow asks for its end, which it throws. */
  cancelled(): Promise<never>;
  /**
   * Stays open, alive and heartbeating, until the test says how it goes on (`Run.held`) or its
   * start-to-close timeout passes.
   */
  hold(): Promise<void>;
}

/**
 * Plays an activity: its first argument in, what it returns or throws out. An ActivityFailure is
 * what the server itself makes of it.
 */
export type ActivityFunction = (input: never, activity: ActivityContext) => unknown;

/** An attempt that waits in `hold()`. */
export interface HeldAttempt {
  readonly attempt: number;
  readonly cancelRequested: boolean;
  /** Lets the activity function go on. */
  release(): void;
  /** Throws into the activity function. */
  fail(error: unknown): void;
  /** The server gives the attempt up; whatever its function still does is ignored. */
  timeout(type: 'HEARTBEAT' | 'START_TO_CLOSE'): void;
}

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

/** Real milliseconds that an activity function may be busy before the driver says that it hangs. */
const busyLimitMs = 10_000;
/**
 * Timers that fire one after the other with nothing between them before the driver says that time
 * alone will not do.
 */
const idleTimersLimit = 1_000;
/**
 * Limit for workflow code that runs without a break: typed as a must, but handed on to node:vm,
 * where it is none. With one, each call into the sandbox starts a thread, which makes a run three
 * times as slow, and when it strikes, Node 20 aborts the process. So an endless loop in workflow
 * code hangs its test file, until the suite's own limit ends it.
 */
const noTimeLimit = undefined as unknown as number;
/** About what an event takes on a server. */
const bytesPerEvent = 200;
const defaultStart = Date.UTC(2026, 0, 1);
const failureConverter = new DefaultFailureConverter();
/** Asked for by a type only: the sandbox brings its own. */
const noRandom = { random: () => 0, uuid4: () => '', fillRandom: (bytes: Uint8Array) => bytes };

/**
 * Runs the real workflow bundle in the SDK's real sandbox without a server: this is the server, in
 * one process and in virtual time. Nothing of ours is replaced but the activities. Made for what
 * the engine uses: activities, timers, signals, queries, cancellation, memo, search attributes,
 * patches, continue-as-new. Anything else is refused by name. A rejection that workflow code
 * forgets to await is not a failed task here: jest sees it first, and fails the test with it.
 */
export class Driver {
  private readonly runs = new Set<Run>();

  private constructor(
    private readonly creator: ReusableVMWorkflowCreator,
    private readonly closed: () => void,
  ) {}

  /**
   * @param code as `bundleWorkflows` makes it; parsed once, for all runs
   * @param globals what code that measures itself finds on the sandbox's global
   * @param closed called when the driver is closed
   */
  static async create({
    code,
    globals = {},
    closed = () => undefined,
  }: DriverOptions): Promise<Driver> {
    const creator = await creatorWith(globals).create(
      parseWorkflowCode(code),
      noTimeLimit,
      new Set(),
    );
    stopTracingPromises();
    return new Driver(creator, closed);
  }

  /**
   * Starts a run. It moves only while the test awaits one of its methods, and time passes only
   * where the method says so.
   */
  start(workflowType: string, args: unknown[], options: RunOptions): Run {
    const run = new Run(this.creator, workflowType, args, options, () => this.runs.delete(run));
    this.runs.add(run);
    return run;
  }

  async close(): Promise<void> {
    for (const run of this.runs) await run.dispose();
    await this.creator.destroy();
    this.closed();
  }
}

export interface DriverOptions {
  code: string;
  globals?: Record<string, unknown>;
  closed?: () => void;
}

function creatorWith(globals: Record<string, unknown>): typeof ReusableVMWorkflowCreator {
  return class extends ReusableVMWorkflowCreator {
    override injectGlobals(context: Context): void {
      super.injectGlobals(context);
      Object.assign(context, globals);
    }
  };
}

/**
 * The SDK notes a source-mapped stack for each promise of a workflow, for the stack trace query
 * alone. Nobody asks for it here, and it costs most of a run's time.
 */
function stopTracingPromises(): void {
  const handlers = globalHandlers as unknown as {
    stopPromiseHook(): void;
    promiseHookInstalled: boolean;
  };
  handlers.stopPromiseHook();
  handlers.promiseHookInstalled = false;
}

/** How a run ended; `failure` is what the workflow threw. */
export type Ending =
  | { status: 'completed'; result: unknown }
  | { status: 'failed'; failure: Error }
  | { status: 'cancelled'; failure: CancelledFailure };

/** One execution of the chain that continue-as-new makes. */
interface Execution {
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

/** A run as a test sees it: the commands it issued, and the handles to move it. */
export class Run {
  /** Every command so far, over all executions of the chain. */
  readonly trace: TraceEntry[] = [];
  readonly workflowId: string;
  /** Activations so far: what a server would call workflow tasks. */
  activations = 0;
  /**
   * Build id of the worker that has the next workflow task; without one its worker is unversioned.
   */
  release: string | undefined;

  private readonly agenda: Agenda;
  private readonly random: () => number;
  private readonly firstRunId: string;
  private execution: Execution;
  private executions = 0;
  private jobs: Job[] = [];
  private joining: Job[] = [];
  private tasks = new Map<number, Task>();
  private timers = new Map<number, Appointment>();
  private ending: Ending | undefined;
  private broken: Error | undefined;
  private untold = false;
  private sizeTold = 0;
  private lengthTold = 0;
  private driving: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly creator: ReusableVMWorkflowCreator,
    workflowType: string,
    args: unknown[],
    private readonly options: RunOptions,
    private readonly forget: () => void,
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
    this.jobs.push(this.initialJob());
  }

  /** Virtual milliseconds since 1970. */
  get now(): number {
    return this.agenda.now;
  }

  get runId(): string {
    return this.execution.runId;
  }

  get ended(): boolean {
    return this.ending !== undefined;
  }

  /** Sends a signal; the workflow gets it with its next activation. */
  signal(name: string, ...payload: unknown[]): void {
    this.receive({ signalWorkflow: { signalName: name, input: payloadsOf(payload), headers: {} } });
  }

  /** Sends a signal whose payloads are bytes that nobody checked, as any client can. */
  signalRaw(name: string, ...payload: Payload[]): void {
    this.receive({ signalWorkflow: { signalName: name, input: payload, headers: {} } });
  }

  /** Sends a signal that comes with the workflow task which something else causes. */
  signalWithNext(name: string, ...payload: unknown[]): void {
    this.joining.push({
      signalWorkflow: { signalName: name, input: payloadsOf(payload), headers: {} },
    });
  }

  /** Asks for the run's end, as Temporal's own cancel does. */
  cancel(): void {
    this.receive({ cancelWorkflow: { reason: '' } });
  }

  /**
   * Another version of the workers becomes current, which the run is told with its next activation.
   */
  newVersion(): void {
    this.execution.outdated = true;
  }

  /**
   * What comes next comes as Core hands it to a worker that took the run over for a question:
   * before the workflow task that brings it, and so without the size that history has with it.
   */
  comeEarly(): void {
    this.untold = true;
    // The workflow task that is scheduled for it.
    this.execution.events += 1;
  }

  /**
   * What the workflow was told of its history with the last workflow task: its events and its
   * bytes.
   */
  get historyTold(): { length: number; bytes: number } {
    return { length: this.lengthTold, bytes: this.sizeTold };
  }

  /**
   * Asks the workflow, after it has seen all that was sent to it.
   * @throws what the query handler throws
   */
  query<T>(name: string, ...args: unknown[]): Promise<T> {
    return this.alone(async () => {
      if (this.jobs.length > 0) await this.activate();
      const queryWorkflow = {
        queryId: 'query',
        queryType: name,
        arguments: payloadsOf(args),
        headers: {},
      };
      const [command] = await this.send([{ queryWorkflow }]);
      const answer = command?.respondToQuery;
      if (answer?.failed)
        throw failureConverter.failureToError(answer.failed, defaultPayloadConverter);
      return valueOf(answer?.succeeded?.response) as T;
    });
  }

  /** Goes on until nothing moves without time passing, a signal, or a held activity. */
  settle(): Promise<void> {
    return this.alone(() => this.drive(this.agenda.now));
  }

  /** Lets virtual time pass, with all that is due in it. */
  advance(ms: number): Promise<void> {
    return this.alone(async () => {
      const until = this.agenda.now + ms;
      await this.drive(until);
      this.agenda.now = until;
    });
  }

  /**
   * Goes on to the end; whenever nothing else moves, time jumps to the next timer.
   * @throws Error when only the test could move it
   */
  end(): Promise<Ending> {
    return this.alone(async () => {
      await this.drive(Infinity);
      if (this.ending) return this.ending;
      const held = this.heldIds();
      throw new Error(
        held.length > 0
          ? `the run cannot end while the test holds ${held.join(', ')}: release it first`
          : `the run waits for a signal: it has no timer and no activity. ${this.progress()}`,
      );
    });
  }

  /** Like `end`, with the workflow's result. @throws what the workflow threw */
  async result<T = unknown>(): Promise<T> {
    const ending = await this.end();
    if (ending.status !== 'completed') throw ending.failure;
    return ending.result as T;
  }

  /** The held attempt of an activity. @throws Error when it is not held */
  held(activityId: string): HeldAttempt {
    for (const { attempt } of this.tasks.values()) {
      if (attempt?.activityId === activityId && attempt.state === 'held') return attempt.handle();
    }
    throw new Error(
      `activity ${activityId} is not held; held: ${this.heldIds().join(', ') || 'none'}. Await settle() first.`,
    );
  }

  /**
   * Frees the sandbox; its trace stays. The driver's close does it too, which suffices but for
   * thousands of runs.
   */
  dispose(): Promise<void> {
    this.forget();
    this.broken ??= new Error('the run was disposed of');
    return this.alone(() => this.leaveSandbox(), false);
  }

  private async leaveSandbox(): Promise<void> {
    const { sandbox } = this.execution;
    delete this.execution.sandbox;
    await sandbox?.dispose();
  }

  private receive(job: Job): void {
    if (this.ending)
      throw new Error('the run has ended: a server would answer that it was not found');
    this.jobs.push(job);
  }

  /**
   * One driver of the run at a time: a query that is not awaited must not meet an activation
   * half-way.
   */
  private alone<T>(work: () => Promise<T>, mustBeWhole = true): Promise<T> {
    const mine = this.driving.then(async () => {
      if (mustBeWhole && this.broken) throw this.broken;
      return await work();
    });
    this.driving = mine.catch(() => undefined);
    return mine;
  }

  /** The heart: activations first, then ended activities, then time, as far as it may pass. */
  private async drive(until: number): Promise<void> {
    let idleTimers = 0;
    while (!this.ending) {
      await this.untilQuiet();
      const done = this.pick(
        [...this.tasks.values()].filter(({ attempt }) => attempt?.state === 'done'),
      );
      if (done) idleTimers = 0;
      if (this.jobs.length > 0 && !(done && this.together())) await this.activate();
      else if (done) this.conclude(done);
      else if ((until === Infinity && this.heldIds().length > 0) || !this.agenda.fireNext(until))
        return;
      else if (until === Infinity && ++idleTimers > idleTimersLimit)
        throw new Error(`time alone does not end this run. ${this.progress()}`);
    }
  }

  /**
   * Whether another ended activity comes with the same activation, as it does when a worker is slow
   * to take the first.
   */
  private together(): boolean {
    return this.options.interleave === true && this.random() < 0.5;
  }

  /**
   * Waits until each running activity function has ended, holds or sleeps: how fast a real one is
   * must not matter.
   */
  private async untilQuiet(): Promise<void> {
    for (const task of this.tasks.values()) {
      while (task.attempt?.state === 'busy')
        await withinLimit(task.attempt.changed.promise, task.id);
    }
  }

  private pick(tasks: Task[]): Task | undefined {
    return tasks[this.options.interleave ? Math.floor(this.random() * tasks.length) : 0];
  }

  private async activate(): Promise<void> {
    // The order in which Core sorts jobs: the start, then signals, then all others as they came.
    const jobs = [...this.joining.splice(0), ...this.jobs].map((job, place) => ({
      job,
      place,
      rank: job.initializeWorkflow ? 0 : job.signalWorkflow ? 1 : 2,
    }));
    jobs.sort((a, b) => a.rank - b.rank || a.place - b.place);
    this.jobs = [];
    this.activations += 1;
    this.execution.events +=
      2 + jobs.reduce((sum, { job }) => sum + (job.resolveActivity ? 2 : 1), 0);
    try {
      await this.play(jobs.map(({ job }) => job));
    } catch (error) {
      this.broken = error as Error;
      throw error;
    }
  }

  private async play(jobs: Job[]): Promise<void> {
    const commands = await this.send(jobs);
    this.execution.events +=
      1 + commands.reduce((sum, command) => sum + (command.setPatchMarker ? 2 : 1), 0);
    await this.obey(commands);
  }

  private async send(jobs: Job[]): Promise<Command[]> {
    const sandbox = (this.execution.sandbox ??= await this.createSandbox());
    // Told with each workflow task; a question is none.
    if (!this.untold && !jobs[0]?.queryWorkflow) {
      this.sizeTold = this.execution.events * bytesPerEvent;
      this.lengthTold = this.execution.events;
    }
    const { successful, failed } = await sandbox.activate(
      WorkflowActivation.fromObject({
        runId: this.execution.runId,
        timestamp: timestampOf(this.agenda.now),
        isReplaying: false,
        historyLength: this.execution.events,
        historySizeBytes: this.sizeTold,
        ...(this.release === undefined
          ? {}
          : {
              deploymentVersionForCurrentTask: { deploymentName: 'driver', buildId: this.release },
            }),
        continueAsNewSuggested:
          this.execution.events >= (this.options.suggestContinueAsNewAt ?? 4_096),
        targetWorkerDeploymentVersionChanged: this.execution.outdated === true,
        jobs,
      }),
    );
    await sandbox.getAndResetSinkCalls();
    if (failed) {
      const error = failureConverter.failureToError(failed.failure ?? {}, defaultPayloadConverter);
      // A server would try the task again for ever.
      throw new Error(`the workflow task failed: ${error.message}`, { cause: error });
    }
    return successful?.commands ?? [];
  }

  private createSandbox(): Promise<Sandbox> {
    const { runId, workflowType, startedAt, continuedFrom } = this.execution;
    return this.creator.createWorkflow({
      info: {
        workflowId: this.workflowId,
        runId,
        workflowType,
        firstExecutionRunId: this.firstRunId,
        originalExecutionRunId: runId,
        ...(continuedFrom === undefined ? {} : { continuedFromExecutionRunId: continuedFrom }),
        typedSearchAttributes: new TypedSearchAttributes(),
        taskQueue: this.options.taskQueue ?? 'driver',
        namespace: this.options.namespace ?? 'default',
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

  private initialJob(): Job {
    const { workflowType, args, memo, searchAttributes } = this.execution;
    return {
      initializeWorkflow: {
        workflowId: this.workflowId,
        workflowType,
        arguments: args,
        headers: {},
        memo: { fields: memo },
        searchAttributes: { indexedFields: searchAttributes },
      },
    };
  }

  private async obey(issued: readonly Command[]): Promise<void> {
    for (const command of this.sendable(issued)) {
      this.trace.push(
        traceOf(command, (seq) => this.tasks.get(seq)?.id ?? '', this.execution.memo),
      );
      await this.perform(command);
    }
  }

  /**
   * What Core would send of one activation's commands: what was scheduled and cancelled at once
   * never was, and the first command that ends the execution comes last.
   */
  private sendable(commands: readonly Command[]): Command[] {
    const cancelled = new Set(
      commands.map((each) => each.requestCancelActivity?.seq).filter(isNumber),
    );
    const stopped = new Set(commands.map((each) => each.cancelTimer?.seq).filter(isNumber));
    const unsent = {
      activities: commands
        .map((each) => each.scheduleActivity)
        .filter((each) => each && cancelled.has(each.seq ?? 0)),
      timers: commands
        .map((each) => each.startTimer?.seq)
        .filter((seq) => isNumber(seq) && stopped.has(seq)),
    };
    for (const activity of unsent.activities)
      if (activity) this.resolve(activity, { cancelled: { failure: cancelledFailure(activity) } });
    const ofUnsent = ({
      scheduleActivity,
      requestCancelActivity,
      startTimer,
      cancelTimer,
    }: Command): boolean => {
      const activity = scheduleActivity ?? requestCancelActivity;
      const timer = startTimer ?? cancelTimer;
      if (activity) return unsent.activities.some((each) => each?.seq === activity.seq);
      return timer !== undefined && timer !== null && unsent.timers.includes(timer.seq);
    };
    const sent = commands.filter((each) => !ofUnsent(each));
    const last = sent.find(isTerminal);
    return [...sent.filter((each) => !isTerminal(each)), ...(last ? [last] : [])];
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
  private conclude(task: Task): void {
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
    const begin = (): void => void this.jobs.unshift(this.initialJob());
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

  private heldIds(): string[] {
    return [...this.tasks.values()]
      .filter(({ attempt }) => attempt?.state === 'held')
      .map(({ id }) => id);
  }

  private progress(): string {
    return `It did: ${outline(this.trace).join(', ')}.`;
  }
}

/**
 * An activity as the server keeps it: attempts one after the other, by the schedule command's retry
 * policy.
 */
class Task {
  readonly seq: number;
  readonly id: string;
  attempt: Attempt | undefined;
  cancelRequested = false;
  private attempts = 0;
  private readonly policy: RetryPolicy;
  private readonly expires: number;
  private appointment: Appointment | undefined;

  constructor(
    readonly command: ScheduleActivity,
    private readonly play: ActivityFunction,
    private readonly agenda: Agenda,
  ) {
    this.seq = command.seq ?? 0;
    this.id = command.activityId ?? '';
    this.policy = retryPolicyOf(command.retryPolicy);
    this.expires = this.agenda.now + (msOf(command.scheduleToCloseTimeout) || Infinity);
  }

  begin(): void {
    this.attempts += 1;
    const attempt = (this.attempt = new Attempt(
      this.id,
      this.attempts,
      this.command.taskQueue ?? '',
      this.agenda,
    ));
    this.appointment = this.agenda.in(timeoutsOf(this.command).startToCloseMs, () =>
      attempt.handle().timeout('START_TO_CLOSE'),
    );
    attempt.run(this.play, this.command.arguments ?? []);
  }

  /** For a worker that does not come. */
  waitForWorker(ms: number, gone: () => void): void {
    this.appointment = this.agenda.in(ms, gone);
  }

  /** @returns whether an attempt is at a worker, which has to end it */
  requestCancel(): boolean {
    this.cancelRequested = true;
    this.attempt?.cancel();
    return this.attempt !== undefined;
  }

  /** Makes an appointment for the next attempt, or says why there is none. */
  retry(error: ApplicationFailure | TimeoutFailure): temporal.api.enums.v1.RetryState {
    this.giveUp();
    const refused = this.refusal(error);
    if (refused !== undefined) return refused;
    const requested =
      error instanceof ApplicationFailure ? msOptionalToNumber(error.nextRetryDelay) : undefined;
    const { initialMs, factor, maxMs } = this.policy;
    const delay = requested ?? Math.min(initialMs * factor ** (this.attempts - 1), maxMs);
    if (this.agenda.now + delay >= this.expires) return RetryState.RETRY_STATE_TIMEOUT;
    this.appointment = this.agenda.in(delay, () => this.begin());
    return RetryState.RETRY_STATE_IN_PROGRESS;
  }

  /** Nothing more comes of the present attempt or of the appointment for the next. */
  giveUp(): void {
    this.appointment?.cancel();
    this.attempt?.abandon();
    this.attempt = undefined;
  }

  private refusal(
    error: ApplicationFailure | TimeoutFailure,
  ): temporal.api.enums.v1.RetryState | undefined {
    const type = error instanceof ApplicationFailure ? error.type : undefined;
    const permanent =
      error instanceof ApplicationFailure &&
      (error.nonRetryable || this.policy.nonRetryable.includes(type ?? ''));
    if (this.cancelRequested) return RetryState.RETRY_STATE_CANCEL_REQUESTED;
    if (permanent) return RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE;
    if (this.policy.attempts > 0 && this.attempts >= this.policy.attempts)
      return RetryState.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED;
    return undefined;
  }
}

/** One call of a test's activity function. */
class Attempt implements ActivityContext {
  /**
   * busy: real code runs; held: the test has it; asleep: virtual time has it; done: see `outcome`.
   */
  state: 'busy' | 'held' | 'asleep' | 'done' = 'busy';
  outcome: { value: unknown } | { error: unknown } | undefined;
  changed = new Deferred<void>();
  private readonly controller = new AbortController();
  private held: Deferred<void> | undefined;
  private alarm: Appointment | undefined;

  constructor(
    readonly activityId: string,
    readonly attempt: number,
    readonly taskQueue: string,
    private readonly agenda: Agenda,
  ) {}

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  now(): number {
    return this.agenda.now;
  }

  sleep(ms: number): Promise<void> {
    const slept = new Deferred<void>();
    this.change('asleep');
    this.alarm = this.agenda.in(ms, () => {
      this.change('busy');
      slept.resolve();
    });
    return slept.promise;
  }

  cancelled(): Promise<never> {
    const asked = new Deferred<never>();
    this.change('asleep');
    const wake = (): void => {
      this.change('busy');
      asked.reject(this.signal.reason);
    };
    if (this.signal.aborted) wake();
    else this.signal.addEventListener('abort', wake);
    return asked.promise;
  }

  hold(): Promise<void> {
    this.held = new Deferred<void>();
    this.change('held');
    return this.held.promise;
  }

  run(play: ActivityFunction, input: Payload[]): void {
    // Deferred by a microtask, so that a function that throws at once is no different from one that
    // throws later.
    Promise.resolve(valueOf(input[0]))
      .then((value) => play(value as never, this))
      .then(
        (value) => this.end({ value }),
        (error: unknown) => this.end({ error }),
      );
  }

  cancel(): void {
    this.controller.abort(new CancelledFailure('CANCELLED'));
  }

  abandon(): void {
    this.alarm?.cancel();
    this.change('done');
  }

  handle(): HeldAttempt {
    const { attempt, signal } = this;
    const goOn = (): Deferred<void> | undefined => {
      if (this.state !== 'held') return undefined;
      this.change('busy');
      return this.held;
    };
    return {
      attempt,
      get cancelRequested() {
        return signal.aborted;
      },
      release: () => goOn()?.resolve(),
      fail: (error) => goOn()?.reject(error),
      timeout: (type) => this.end({ error: timeoutFailure(type) }),
    };
  }

  private end(outcome: { value: unknown } | { error: unknown }): void {
    if (this.state === 'done') return;
    this.outcome = outcome;
    this.change('done');
  }

  private change(state: Attempt['state']): void {
    if (this.state === 'done') return;
    this.state = state;
    const { changed } = this;
    this.changed = new Deferred();
    changed.resolve();
  }
}

interface Appointment {
  cancel(): void;
}

/** Virtual time: what is due when, the earliest first. */
class Agenda {
  private entries: { at: number; fire: () => void }[] = [];

  /** @param random picks among what is due at the same moment; without, the oldest is first */
  constructor(
    public now: number,
    private readonly random?: () => number,
  ) {}

  in(ms: number, fire: () => void): Appointment {
    const entry = { at: this.now + ms, fire };
    const remove = (): void => void (this.entries = this.entries.filter((each) => each !== entry));
    if (Number.isFinite(ms)) this.entries.push(entry);
    return { cancel: remove };
  }

  /** Goes to the next appointment. @returns false when there is none up to the given time */
  fireNext(until: number): boolean {
    const at = Math.min(...this.entries.map((entry) => entry.at));
    const due = this.entries.filter((entry) => entry.at === at && at <= until);
    const next = due[this.random ? Math.floor(this.random() * due.length) : 0];
    if (!next) return false;
    this.entries = this.entries.filter((entry) => entry !== next);
    this.now = Math.max(this.now, at);
    next.fire();
    return true;
  }
}

class Deferred<T> {
  resolve!: (value: T) => void;
  reject!: (error: unknown) => void;
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

/**
 * One line for each command, for expectations that people read: `command first`, `timer 86400000`,
 * `cancel-activity last`.
 */
export function outline(trace: readonly TraceEntry[]): string[] {
  return trace.map((entry) => {
    switch (entry.type) {
      case 'activity':
        return /^\d+$/.test(entry.id) ? entry.activity : `${entry.activity} ${entry.id}`;
      case 'cancel-activity':
      case 'cancel-timer':
      case 'patch':
        return `${entry.type} ${entry.id}`;
      case 'timer':
        return `timer ${entry.ms}`;
      case 'search-attributes':
      case 'memo':
        return `${entry.type} ${(Object.values(entry.values).flat() as string[]).join(' ')}`.trim();
      case 'continue-as-new':
        return `continue-as-new ${entry.workflow}`;
      case 'fail':
        return `fail ${entry.failure.type}`;
      case 'complete':
      case 'cancel':
        return entry.type;
    }
  });
}

/** A command as plain JSON. @throws Error for what the driver cannot play */
function traceOf(
  command: Command,
  activityId: (seq: number) => string,
  memo: Payloads,
): TraceEntry {
  const {
    scheduleActivity: activity,
    startTimer: timer,
    continueAsNewWorkflowExecution: next,
  } = command;
  const summary = textOf(command.userMetadata?.summary);
  if (activity) {
    return {
      type: 'activity',
      activity: activity.activityType ?? '',
      id: activity.activityId ?? '',
      input: jsonOf(activity.arguments),
      ...timeoutsOf(activity),
      retry: retryPolicyOf(activity.retryPolicy),
      summary,
    };
  }
  if (timer)
    return { type: 'timer', id: String(timer.seq), ms: msOf(timer.startToFireTimeout), summary };
  if (command.cancelTimer) return { type: 'cancel-timer', id: String(command.cancelTimer.seq) };
  if (command.requestCancelActivity)
    return { type: 'cancel-activity', id: activityId(command.requestCancelActivity.seq ?? 0) };
  if (command.upsertWorkflowSearchAttributes)
    return {
      type: 'search-attributes',
      values: attributesOf(command.upsertWorkflowSearchAttributes.searchAttributes?.indexedFields),
    };
  if (command.modifyWorkflowProperties)
    return { type: 'memo', values: memoOf(command.modifyWorkflowProperties.upsertedMemo?.fields) };
  if (command.setPatchMarker) return { type: 'patch', id: command.setPatchMarker.patchId ?? '' };
  if (next) {
    const carried = isEmpty(next.memo) ? memo : next.memo;
    return {
      type: 'continue-as-new',
      workflow: next.workflowType ?? '',
      input: jsonOf(next.arguments),
      memo: memoOf(carried),
    };
  }
  return traceOfEnd(command);
}

function traceOfEnd(command: Command): TraceEntry {
  const { completeWorkflowExecution: completed, failWorkflowExecution: failed } = command;
  if (completed) return { type: 'complete', result: (valueOf(completed.result) ?? null) as Json };
  if (failed) return { type: 'fail', failure: failureOf(failed.failure) };
  if (command.cancelWorkflowExecution) return { type: 'cancel' };
  throw new Error(
    `the driver cannot play the command ${Object.keys(command).join()}: teach it in test/driver/driver.ts`,
  );
}

function isTerminal(command: Command): boolean {
  return Boolean(
    command.completeWorkflowExecution ??
    command.failWorkflowExecution ??
    command.cancelWorkflowExecution ??
    command.continueAsNewWorkflowExecution,
  );
}

function endingOf({
  completeWorkflowExecution: completed,
  failWorkflowExecution: failed,
}: Command): Ending {
  if (completed) return { status: 'completed', result: valueOf(completed.result) };
  if (failed)
    return {
      status: 'failed',
      failure: failureConverter.failureToError(failed.failure ?? {}, defaultPayloadConverter),
    };
  return { status: 'cancelled', failure: new CancelledFailure('the workflow was cancelled') };
}

/** A retry policy with the server's own defaults where the command leaves something out. */
export function retryPolicyOf(policy: ScheduleActivity['retryPolicy']): RetryPolicy {
  const initialMs = msOf(policy?.initialInterval) || 1_000;
  return {
    initialMs,
    factor: policy?.backoffCoefficient || 2,
    maxMs: msOf(policy?.maximumInterval) || 100 * initialMs,
    attempts: policy?.maximumAttempts ?? 0,
    nonRetryable: policy?.nonRetryableErrorTypes ?? [],
  };
}

/** The limits that the server holds an attempt to: none may exceed the one around it. 0 is none. */
function timeoutsOf(activity: ScheduleActivity): { startToCloseMs: number; heartbeatMs: number } {
  const whole = msOf(activity.scheduleToCloseTimeout) || Infinity;
  const startToCloseMs = Math.min(msOf(activity.startToCloseTimeout) || Infinity, whole);
  return { startToCloseMs, heartbeatMs: Math.min(msOf(activity.heartbeatTimeout), startToCloseMs) };
}

export function failureOf(failure: Failure | null | undefined): TraceFailure {
  const { type, nonRetryable } = failure?.applicationFailureInfo ?? {};
  return { type: type ?? '', message: failure?.message ?? '', nonRetryable: nonRetryable ?? false };
}

export function jsonOf(payloads: readonly Payload[] | null | undefined): Json[] {
  return (payloads ?? []).map((payload) => (valueOf(payload) ?? null) as Json);
}

export function memoOf(fields: Payloads | null | undefined): JsonObject {
  return Object.fromEntries(
    Object.entries(fields ?? {}).map(([name, payload]) => [
      name,
      (valueOf(payload) ?? null) as Json,
    ]),
  );
}

export function attributesOf(fields: Payloads | null | undefined): JsonObject {
  return mapFromPayloads(searchAttributePayloadConverter, fields ?? {}) ?? {};
}

export function textOf(payload: Payload | null | undefined): string {
  const value = valueOf(payload);
  return typeof value === 'string' ? value : '';
}

/** Milliseconds; 0 for none. */
export function msOf(duration: Duration | null | undefined): number {
  return Number(duration?.seconds ?? 0) * 1_000 + (duration?.nanos ?? 0) / 1_000_000;
}

function timestampOf(ms: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(ms / 1_000), nanos: Math.round((ms % 1_000) * 1_000_000) };
}

function valueOf(payload: Payload | null | undefined): unknown {
  return payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
}

function payloadsOf(values: unknown[]): Payload[] {
  return toPayloads(defaultPayloadConverter, ...values) ?? [];
}

function isEmpty(fields: Payloads | null | undefined): boolean {
  return Object.keys(fields ?? {}).length === 0;
}

function isNumber(value: number | null | undefined): value is number {
  return typeof value === 'number';
}

/** What the SDK's worker takes for an activity's answer to a cancellation. */
function isCancelled(error: unknown): boolean {
  return (
    error instanceof CancelledFailure || (error instanceof Error && error.name === 'AbortError')
  );
}

function timeoutFailure(type: 'HEARTBEAT' | 'START_TO_CLOSE'): TimeoutFailure {
  const name = { HEARTBEAT: 'Heartbeat', START_TO_CLOSE: 'StartToClose' }[type];
  return new TimeoutFailure(`activity ${name} timeout`, undefined, TimeoutType[type]);
}

function cancelledFailure(command: ScheduleActivity): Failure {
  return activityFailure(
    command,
    'Activity cancelled',
    { canceledFailureInfo: {} },
    RetryState.RETRY_STATE_CANCEL_REQUESTED,
  );
}

function activityFailure(
  { activityId, activityType }: ScheduleActivity,
  message: string,
  cause: Failure,
  retryState: temporal.api.enums.v1.RetryState,
): Failure {
  const activityFailureInfo = {
    activityId: activityId ?? '',
    activityType: { name: activityType ?? '' },
    retryState,
  };
  return { message, cause, activityFailureInfo };
}

async function withinLimit(changed: Promise<void>, activityId: string): Promise<void> {
  let limit: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_, reject) => {
    const message = `activity ${activityId} neither ends nor holds: await its context's hold() where the test wants it to wait`;
    limit = setTimeout(() => reject(new Error(message)), busyLimitMs);
  });
  await Promise.race([changed, hangs]).finally(() => clearTimeout(limit));
}

/** Mulberry32: small, seeded, good enough to pick with. From 0 up to 1. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
