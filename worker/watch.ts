import type { ConnectionOptions } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import type pg from 'pg';
import type { Commands } from '../activities/commands.js';
import { endLeftCommands } from '../activities/left-commands.js';
import { forgetWorker, noteWorker, sinceComparison } from '../store/index.js';
import type { WorkerConfig } from './config.js';
import { TemporalRuns } from './fate.js';
import { Keeper } from './keeper.js';
import { Leadership } from './leadership.js';
import { roomIn } from './room.js';

/** A leader that has made no comparison for this many intervals is replaced by another worker. */
const staleAfter = 4;

/**
 * The periodic work of a worker beside its steps: the leader compares the record with Temporal, and
 * each worker ends orphaned commands on its host and reports about itself.
 */
export class Watch {
  private readonly keeper: Keeper;
  private readonly temporalRuns: TemporalRuns;
  private leadership: { namespaceId: string; lock: Leadership } | undefined;
  private timer: NodeJS.Timeout | undefined;
  private busy: Promise<void> | undefined;
  private trouble = '';

  constructor(
    private readonly config: WorkerConfig,
    private readonly pool: pg.Pool,
    private readonly commands: Commands,
    temporal: { options: ConnectionOptions; namespace: string },
  ) {
    this.temporalRuns = new TemporalRuns(temporal.options, temporal.namespace, config.identity);
    this.keeper = new Keeper({
      pool,
      temporalRuns: this.temporalRuns,
      worker: config.identity,
      command: config.command,
      lostNamespaces: config.lostNamespaces,
      say: (line) => {
        Runtime.instance().logger.warn(line);
      },
    });
  }

  start(): void {
    const again = (): void => {
      this.busy ??= this.tick().finally(() => {
        this.busy = undefined;
      });
    };
    again();
    this.timer ??= setInterval(again, this.config.watchMs).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.busy;
    await forgetWorker(this.pool, this.config.identity).catch(() => undefined);
    await this.leadership?.lock.close();
    await this.temporalRuns.close();
  }

  private async tick(): Promise<void> {
    try {
      if (await this.leads()) await this.keeper.compare();
      this.warnOnce('');
    } catch (error) {
      this.warnOnce(`the record cannot be compared with Temporal now: ${(error as Error).message}`);
    }
    await endLeftCommands(this.pool, this.commands).catch((error: unknown) =>
      this.warnOnce(
        `commands that ended runs have left on this host cannot be ended now: ${(error as Error).message}`,
      ),
    );
    await this.reportItself().catch((error: unknown) =>
      this.warnOnce(`this worker cannot report to doctor now: ${(error as Error).message}`),
    );
  }

  /** Its clock and the free space for its journals, which `doctor` checks. */
  private async reportItself(): Promise<void> {
    const { identity, host, journals } = this.config;
    await noteWorker(this.pool, { worker: identity, host, journals: await roomIn(journals) });
  }

  private async leads(): Promise<boolean> {
    const namespaceId = await this.temporalRuns.namespaceId();
    if (this.leadership?.namespaceId !== namespaceId) {
      await this.leadership?.lock.close();
      this.leadership = {
        namespaceId,
        lock: new Leadership(this.config.databaseUrl, `watch ${namespaceId}`),
      };
    }
    if (await this.leadership.lock.isLeader()) return true;
    const since = await sinceComparison(this.pool, namespaceId);
    return since === null ? false : since > staleAfter * this.config.watchMs;
  }

  /** Logs a problem once, not in every pass. */
  private warnOnce(trouble: string): void {
    if (trouble !== this.trouble && trouble) Runtime.instance().logger.warn(trouble);
    this.trouble = trouble;
  }
}
