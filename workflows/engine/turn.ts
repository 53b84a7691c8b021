import { condition, sleep, workflowInfo } from '@temporalio/workflow';
import type { BorderLimits } from '../../common/admission.js';
import { visibleLine } from '../../common/visible.js';
import type { Inbox } from './inbox.js';

/**
 * Well before the server suggests it (4,096 events, 4 MB) and before it takes no more signals
 * (10,000): there has to be room for what is in flight when the border comes into sight. And short
 * enough to be replayed soon, 1,000 events in 0.3 s of processor: whoever takes the runs of a dead
 * worker over replays all of them at once.
 */
const defaultLimits: BorderLimits = { events: 1_000, bytes: 2_000_000, signals: 1_000 };

/**
 * In the middle of a flood of signals Temporal refuses to continue as new, time after time, and
 * each refusal costs a replay of everything. So a border waits for a pause between signals, but not
 * for ever: nothing new begins meanwhile. In milliseconds.
 */
const calmMs = 100;
const patienceMs = 30_000;

/**
 * Says when something may begin. Nothing does while the run is paused, or while it is about to
 * continue as new: that happens at a border, where no activity is in flight, because a new
 * execution cannot wait for an old one's activities.
 */
export class Turn {
  private isPaused = false;
  private inFlight = 0;
  private wanted = false;
  private closed = false;
  /**
   * Counts whoever was freed by `until`: only when nobody is on the move does the run stand where
   * it seems to stand.
   */
  private moves = 0;
  /** What was handed over by the execution before does not count. */
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
  get due(): boolean {
    if (this.closed) return false;
    const {
      historyLength,
      historySize,
      continueAsNewSuggested,
      targetWorkerDeploymentVersionChanged,
    } = workflowInfo();
    return (
      this.wanted ||
      continueAsNewSuggested ||
      targetWorkerDeploymentVersionChanged ||
      historyLength >= this.limits.events ||
      historySize - this.bytesBefore >= this.limits.bytes ||
      this.inbox.received >= this.limits.signals
    );
  }

  /** Asks for a border: for a new release of the code, or a new plan. */
  want(): void {
    this.wanted = true;
  }

  /** May a step begin now? Not in a paused run, nor in one that is about to continue as new. */
  get isOpen(): boolean {
    return !this.isPaused && !this.due;
  }

  /**
   * Waits until a step may begin. Throws when its scope is cancelled meanwhile.
   * @param inVain true once nothing is to begin any more: then there is nothing to wait for
   */
  async start(inVain: () => boolean = () => false): Promise<void> {
    const open = (): boolean => inVain() || this.isOpen;
    if (!open()) await this.until(open);
  }

  /**
   * What everything in a run waits with that waits for the run itself.
   * @param limit gives up after that many milliseconds; without it, never. The summary is shown at
   *   the timer
   */
  async until(met: () => boolean, limit?: { ms: number; summary: string }): Promise<void> {
    try {
      if (limit) await condition(met, limit.ms, { summary: visibleLine(limit.summary) });
      else await condition(met);
    } finally {
      this.moves += 1;
    }
  }

  /** Counts the work as in flight until it has ended. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.inFlight += 1;
    try {
      return await work();
    } finally {
      this.inFlight -= 1;
    }
  }

  /** Resolves when the run has to continue as new and can. */
  async border(): Promise<'border'> {
    const quiet = (): boolean => this.due && this.inFlight === 0 && !this.inbox.busy;
    for (let since: number | undefined; ;) {
      await condition(quiet);
      since ??= Date.now();
      const stormy = this.inbox.lastSignalAt + calmMs - Date.now();
      if (stormy > 0 && Date.now() - since < patienceMs) {
        await sleep(stormy, { summary: 'signals come in; then the run continues as new' });
        continue;
      }
      const { moves } = this;
      // Whatever was freed in the same breath runs before this one is looked at a second time:
      // then, was it alone?
      let looks = 0;
      await condition(() => {
        looks += 1;
        return looks > 1 && quiet();
      });
      if (this.moves === moves) return 'border';
    }
  }

  /** The run is ending: there will be no border any more. */
  close(): void {
    this.closed = true;
  }
}
