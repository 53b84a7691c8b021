import { condition, sleep, workflowInfo } from '@temporalio/workflow';
import type { BorderLimits } from '../../common/admission.js';
import { visibleLine } from '../../common/visible.js';
import type { Inbox } from './inbox.js';

/**
 * Well before the server suggests it (4,096 events, 4 MB) and refuses further signals (10,000):
 * activities in flight need room until the border. And short enough for a fast replay, 1,000 events
 * in 0.3 s of CPU: a worker that takes over a dead worker's runs replays all of them at once.
 */
const defaultLimits: BorderLimits = { events: 1_000, bytes: 2_000_000, signals: 1_000 };

/**
 * While a flood of signals arrives, Temporal refuses to continue as new, and each refusal costs a
 * full replay. So a border waits for a pause between signals; but not for ever, because no step
 * begins meanwhile. In milliseconds.
 */
const quietMs = 100;
const maxQuietWaitMs = 30_000;

/**
 * Decides when a step may begin. None does while the run is paused, or while it is about to
 * continue as new: that happens at a border, where no activity is in flight, because a new
 * execution cannot wait for an old one's activities.
 */
export class Turn {
  private isPaused = false;
  private inFlight = 0;
  private borderRequested = false;
  private closed = false;
  /**
   * Counts waits that `until` ended. While it changes, code of the run is still executing, and the
   * state may change.
   */
  private wakeUps = 0;
  /** The carried state of the previous execution does not count. */
  private readonly bytesBefore = workflowInfo().historySize;

  constructor(
    private readonly inbox: Inbox,
    private readonly limits: BorderLimits = defaultLimits,
  ) {}

  get paused(): boolean {
    return this.isPaused;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  /** True when the run is to continue as new as soon as nothing is in flight. */
  get isBorderDue(): boolean {
    if (this.closed) return false;
    const {
      historyLength,
      historySize,
      continueAsNewSuggested,
      targetWorkerDeploymentVersionChanged,
    } = workflowInfo();
    return (
      this.borderRequested ||
      continueAsNewSuggested ||
      targetWorkerDeploymentVersionChanged ||
      historyLength >= this.limits.events ||
      historySize - this.bytesBefore >= this.limits.bytes ||
      this.inbox.received >= this.limits.signals
    );
  }

  /** Asks for a border: for a new release of the code, or a new plan. */
  requestBorder(): void {
    this.borderRequested = true;
  }

  /** May a step begin now? Not in a paused run, nor in one that is about to continue as new. */
  get isOpen(): boolean {
    return !this.isPaused && !this.isBorderDue;
  }

  /**
   * Waits until a step may begin. Throws when its scope is cancelled meanwhile.
   * @param isAbandoned true once the step must not begin any more: then the wait ends too
   */
  async waitToBegin(isAbandoned: () => boolean = () => false): Promise<void> {
    const open = (): boolean => isAbandoned() || this.isOpen;
    if (!open()) await this.until(open);
  }

  /**
   * Waits for a condition on the run's state. All code of the engine waits through this, so that
   * `border` sees it wake.
   * @param limit time-out in milliseconds, and the summary shown at its timer; absent: no time-out
   */
  async until(met: () => boolean, limit?: { ms: number; summary: string }): Promise<void> {
    try {
      if (limit) await condition(met, limit.ms, { summary: visibleLine(limit.summary) });
      else await condition(met);
    } finally {
      this.wakeUps += 1;
    }
  }

  /** Counts the work as in flight until it has ended. */
  async trackInFlight<T>(work: () => Promise<T>): Promise<T> {
    this.inFlight += 1;
    try {
      return await work();
    } finally {
      this.inFlight -= 1;
    }
  }

  /** Resolves when the run has to continue as new and can. */
  async border(): Promise<'border'> {
    const canContinue = (): boolean => this.isBorderDue && this.inFlight === 0 && !this.inbox.busy;
    for (let since: number | undefined; ;) {
      await condition(canContinue);
      since ??= Date.now();
      const untilQuiet = this.inbox.lastSignalAt + quietMs - Date.now();
      if (untilQuiet > 0 && Date.now() - since < maxQuietWaitMs) {
        await sleep(untilQuiet, { summary: 'signals come in; then the run continues as new' });
        continue;
      }
      const { wakeUps } = this;
      // Other waits that ended in the same activation run before this condition is checked again;
      // `wakeUps` then shows whether there were any.
      let checks = 0;
      await condition(() => {
        checks += 1;
        return checks > 1 && canContinue();
      });
      if (this.wakeUps === wakeUps) return 'border';
    }
  }

  /** The run is ending: there will be no border any more. */
  close(): void {
    this.closed = true;
  }
}
