import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessId, ServerProcess } from './process.js';

/** A server that listens. */
export interface Kept {
  id: ProcessId;
  server: ServerProcess;
  stop(): Promise<void>;
}

export interface KeepOptions {
  title: string;
  /** Starts it again, with its data and on its ports. */
  again: () => Promise<Kept>;
  say: (line: string) => void;
  /** Told of the process that stands in the place of one that has ended. */
  replaced: (before: ProcessId, now: ProcessId) => void;
  /** Told once, when it cannot be kept. */
  giveUp: () => void;
}

/** Ends and starts that went wrong, one soon after the other, until nothing is started any more. */
const mostFailures = 5;
/** A server that has run for this long had been started well. */
const wellMs = 60_000;
const firstPauseMs = 250;

/** Keeps a server running: one that ends by itself is started again. */
export class ServerKeeper {
  private stopping = new AbortController();
  private turn: Promise<void> = Promise.resolve();
  private failures = 0;
  private startedAt = Date.now();

  constructor(
    private kept: Kept,
    private readonly options: KeepOptions,
  ) {
    this.watch();
  }

  /** It is not started again from now on. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.turn;
    await this.kept.stop();
  }

  private watch(): void {
    this.kept.server.onEnd((how) => {
      if (!this.stopping.signal.aborted) this.turn = this.startAgain(how);
    });
  }

  private async startAgain(how: string): Promise<void> {
    const { title, again, say, replaced, giveUp } = this.options;
    const before = this.kept.id;
    const { signal } = this.stopping;
    if (Date.now() - this.startedAt > wellMs) this.failures = 0;
    const ended = `${title} ended by itself (${how})`;
    while (!signal.aborted) {
      if (++this.failures > mostFailures) {
        say(`${ended} again and again, and is given up; what it printed is above`);
        giveUp();
        return;
      }
      await delay(firstPauseMs * 2 ** (this.failures - 1), undefined, { signal }).catch(() => null);
      if (signal.aborted) return;
      try {
        this.kept = await again();
      } catch (error) {
        say(`${ended}, and could not be started again: ${(error as Error).message}`);
        continue;
      }
      this.startedAt = Date.now();
      replaced(before, this.kept.id);
      say(`${ended} and was started again, with its data`);
      this.watch();
      return;
    }
  }
}
