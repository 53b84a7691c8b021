import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import proto from '@temporalio/proto';
// Nothing under lib/ is public: see driver.ts.
import type { ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js';
import { withinLimit, type HeldAttempt } from './attempt.js';
import { inOrderOfCore, sandboxFor, type Job } from './execution.js';
import { failureConverter, payloadsOf, timestampOf, valueOf } from './payloads.js';
import { Server, type RunOptions } from './server.js';
import type { Task } from './task.js';
import type { Command, Ending } from './trace.js';

// Generated CommonJS: Node finds no names in it.
const { WorkflowActivation } = proto.coresdk.workflow_activation;

/**
 * Timers that fire one after the other with nothing between them before the driver says that time
 * alone will not do.
 */
const idleTimersLimit = 1_000;
/** About what an event takes on a server. */
const bytesPerEvent = 200;

/** A run as a test sees it: the commands it issued, and the handles to move it. */
export class Run extends Server {
  /** Activations so far: what a server would call workflow tasks. */
  activations = 0;
  /**
   * Build id of the worker that has the next workflow task; without one its worker is unversioned.
   */
  release: string | undefined;

  private joining: Job[] = [];
  private broken: Error | undefined;
  private untold = false;
  private sizeTold = 0;
  private lengthTold = 0;
  private driving: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly creator: ReusableVMWorkflowCreator,
    workflowType: string,
    args: unknown[],
    options: RunOptions,
    private readonly forget: () => void,
  ) {
    super(workflowType, args, options);
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
   * Lets time pass up to the next thing that is due, with all that follows at once.
   * @returns false when nothing is due: the run has ended, or waits for a signal
   */
  tick(): Promise<boolean> {
    return this.alone(async () => {
      await this.drive(this.agenda.now);
      const next = this.agenda.next();
      if (this.ending || next === undefined) return false;
      await this.drive(next);
      return true;
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
      `activity ${activityId} is not held; held: ` +
        `${this.heldIds().join(', ') || 'none'}. Await settle() first.`,
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
    const jobs = inOrderOfCore([...this.joining.splice(0), ...this.jobs]);
    this.jobs = [];
    this.activations += 1;
    this.execution.events += 2 + jobs.reduce((sum, job) => sum + (job.resolveActivity ? 2 : 1), 0);
    try {
      await this.play(jobs);
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
    const sandbox = (this.execution.sandbox ??= await sandboxFor(this.creator, this.execution, {
      workflowId: this.workflowId,
      firstRunId: this.firstRunId,
      taskQueue: this.options.taskQueue ?? 'driver',
      namespace: this.options.namespace ?? 'default',
    }));
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
}
