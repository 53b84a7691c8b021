import { setTimeout as delay } from 'node:timers/promises';
import { adopt } from './adopt.js';
import { Liveness } from './liveness.js';
import type { Deployment, PinnedRun } from './server.js';

export interface UpkeepOptions {
  deployment: Deployment;
  /** Identity of this worker among those of its version. */
  identity: string;
  buildId: string;
  /** This version's bundle. */
  code: string;
  /** Milliseconds between two passes. */
  everyMs: number;
  /** Milliseconds after which a silent worker counts as dead. */
  silenceMs: number;
  /** Writes a line for people to the worker's log. */
  say: (line: string) => void;
}

const waitingStates = new Set(['waiting', 'needs-operator', 'paused']);

/**
 * While this version is current, brings open runs of other versions to it: those with live workers
 * are asked to continue as new, those without are moved if their history replays. One worker of the
 * version does it, the first by name.
 */
export class Upkeep {
  private readonly liveness: Liveness;
  /** One request is enough: Temporal keeps the signal. */
  private readonly asked = new Set<string>();
  /** A run that does not replay now never will. */
  private readonly unfit = new Set<string>();
  private readonly stopping = new AbortController();

  constructor(private readonly options: UpkeepOptions) {
    this.liveness = new Liveness(options.silenceMs);
  }

  /** Runs until `stop`. A failure is retried in the next pass: the server may be unreachable. */
  async run(): Promise<void> {
    const { everyMs, say } = this.options;
    let failure = '';
    while (!this.stopping.signal.aborted) {
      try {
        await this.pass();
        failure = '';
      } catch (error) {
        const message = (error as { details?: string }).details ?? (error as Error).message;
        if (message !== failure) say(`runs of other versions cannot be moved for now: ${message}`);
        failure = message;
      }
      await delay(everyMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  stop(): void {
    this.stopping.abort();
  }

  private async pass(): Promise<void> {
    const { deployment, buildId, identity } = this.options;
    const living = this.liveness.observe(await deployment.signs(), performance.now());
    if (living.get(buildId)?.[0] !== identity) return;
    if ((await deployment.state())?.current !== buildId) return;
    const orphans: PinnedRun[] = [];
    for await (const run of deployment.runs(buildId)) {
      if (this.stopping.signal.aborted) return;
      if (!living.has(run.buildId)) orphans.push(run);
      else if (waitingStates.has(run.state) && !this.asked.has(keyOf(run))) {
        await deployment.requestBorder(run);
        this.asked.add(keyOf(run));
      }
    }
    const fresh = orphans.filter((run) => !this.unfit.has(keyOf(run)));
    if (fresh.length > 0) await this.adoptAll(fresh);
  }

  private async adoptAll(runs: readonly PinnedRun[]): Promise<void> {
    const { deployment, buildId, code, say } = this.options;
    for await (const { run, moved, why } of adopt(deployment, runs, { buildId, code })) {
      if (this.stopping.signal.aborted) return;
      if (moved)
        say(
          `run ${run.id} goes on here: no worker of its ` +
            `version ${run.buildId} lives, and its history fits`,
        );
      else {
        this.unfit.add(keyOf(run));
        say(
          `run ${run.id} stands still: no worker of its version ${run.buildId} lives, and ${why}`,
        );
      }
    }
  }
}

/** A run that continued as new, or moved to another version, is checked again. */
function keyOf({ id, runId, buildId }: PinnedRun): string {
  return [id, runId, buildId].join('\0');
}
