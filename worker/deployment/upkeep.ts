import { setTimeout as delay } from 'node:timers/promises';
import { adopt } from './adopt.js';
import { Life } from './life.js';
import type { Deployment, PinnedRun } from './server.js';

export interface UpkeepOptions {
  deployment: Deployment;
  /** Names this worker among those of its version. */
  identity: string;
  buildId: string;
  /** This version's bundle. */
  code: string;
  /** Milliseconds between two looks. */
  everyMs: number;
  /** Milliseconds after which a worker that nothing is heard of counts as dead. */
  silenceMs: number;
  /** What people should read in the worker's log. */
  say: (line: string) => void;
}

const waitingStates = new Set(['waiting', 'needs-operator', 'paused']);

/**
 * While this version is current, brings every open run of other versions to it: those whose workers
 * live are asked at a border, those that have none are moved when their history fits. One worker of
 * the version does it, the first by name.
 */
export class Upkeep {
  private readonly life: Life;
  /** Asking once is enough: the signal is kept. */
  private readonly asked = new Set<string>();
  /** What does not fit will not fit the next time either. */
  private readonly unfit = new Set<string>();
  private readonly stopping = new AbortController();

  constructor(private readonly options: UpkeepOptions) {
    this.life = new Life(options.silenceMs);
  }

  /** Goes on until `stop`. What fails is tried again with the next look: the server may be away. */
  async run(): Promise<void> {
    const { everyMs, say } = this.options;
    let failure = '';
    while (!this.stopping.signal.aborted) {
      try {
        await this.look();
        failure = '';
      } catch (error) {
        const message = (error as { details?: string }).details ?? (error as Error).message;
        if (message !== failure)
          say(`runs of other versions cannot be looked after for now: ${message}`);
        failure = message;
      }
      await delay(everyMs, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  stop(): void {
    this.stopping.abort();
  }

  private async look(): Promise<void> {
    const { deployment, buildId, identity } = this.options;
    const living = this.life.look(await deployment.signs(), performance.now());
    if (living.get(buildId)?.[0] !== identity) return;
    if ((await deployment.state())?.current !== buildId) return;
    const orphans: PinnedRun[] = [];
    for await (const run of deployment.runs(buildId)) {
      if (this.stopping.signal.aborted) return;
      if (!living.has(run.buildId)) orphans.push(run);
      else if (waitingStates.has(run.state) && !this.asked.has(keyOf(run))) {
        await deployment.poke(run);
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
          `run ${run.id} goes on here: no worker of its version ${run.buildId} lives, and its history fits`,
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

/** A run that continued as new, or came to another version, is looked at anew. */
function keyOf({ id, runId, buildId }: PinnedRun): string {
  return [id, runId, buildId].join('\0');
}
