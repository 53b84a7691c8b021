import type { ConnectionOptions } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import type pg from 'pg';
import type { Commands } from '../activities/commands.js';
import type { LibraryDigests } from '../language/library-digests.js';
import { endLeftCommands } from '../activities/left-commands.js';
import { forgetWorker, noteWorker, sinceComparison } from '../store/index.js';
import type { WorkerConfig } from './config.js';
import { TemporalRuns } from './temporal-runs.js';
import { HeartbeatUrl } from './heartbeat-url.js';
import { RecordKeeper } from './record-keeper.js';
import { Leadership } from './leadership.js';
import { roomIn } from './journal-room.js';
import { Recurring, sayOnce } from './recurring.js';

/** A leader that has made no comparison for this many intervals is replaced by another worker. */
const staleAfter = 4;

/**
 * The periodic work of a worker beside its steps: the leader compares the record with Temporal, and
 * each worker ends orphaned commands on its host, deletes ended launches and reports about itself.
 */
export class PeriodicWork {
  private readonly keeper: RecordKeeper;
  private readonly temporalRuns: TemporalRuns;
  private readonly heartbeat: HeartbeatUrl;
  private leadership: { namespaceId: string; lock: Leadership } | undefined;
  private readonly passes: Recurring;
  private readonly tidying: Recurring;
  private readonly warnOnce: (trouble: string) => void;
  private readonly warnOfLaunches: (trouble: string) => void;

  constructor(
    private readonly config: WorkerConfig,
    private readonly pool: pg.Pool,
    private readonly commands: Commands,
    temporal: { options: ConnectionOptions; namespace: string },
    private readonly library: LibraryDigests,
  ) {
    this.temporalRuns = new TemporalRuns(temporal.options, temporal.namespace, config.identity);
    this.heartbeat = new HeartbeatUrl(config.heartbeatUrl);
    this.passes = new Recurring(config.watchMs, () => this.tick());
    // More often would ask Temporal's index for what is not there.
    this.tidying = new Recurring(config.launchesKeptMs / 2, () => this.forgetLaunches());
    const say = (line: string): void => {
      Runtime.instance().logger.warn(line);
    };
    this.warnOnce = sayOnce(say);
    this.warnOfLaunches = sayOnce(say);
    this.keeper = new RecordKeeper({
      pool,
      temporalRuns: this.temporalRuns,
      worker: config.identity,
      lostNamespaces: config.lostNamespaces,
      say,
    });
  }

  start(): void {
    this.passes.start();
    this.tidying.start();
  }

  async close(): Promise<void> {
    await this.passes.stop();
    await this.tidying.stop();
    await forgetWorker(this.pool, this.config.identity).catch(() => undefined);
    await this.leadership?.lock.close();
    await this.temporalRuns.close();
  }

  private async tick(): Promise<void> {
    const done = [
      await this.did('the record cannot be compared with Temporal now', async () => {
        if (await this.leads()) await this.keeper.compare();
      }),
      await this.did('commands that ended runs have left on this host cannot be ended now', () =>
        endLeftCommands(this.pool, this.commands),
      ),
      await this.did('this worker cannot report to doctor now', () => this.reportItself()),
    ];
    if (done.includes(false)) return;
    if (await this.did('the heartbeat does not arrive', () => this.heartbeat.well()))
      this.warnOnce('');
  }

  /** Where that is not allowed, Temporal's list is longer, and all else goes on. */
  private async forgetLaunches(): Promise<void> {
    const { taskQueue, launchesKeptMs } = this.config;
    const trouble = await this.temporalRuns.forgetLaunches(taskQueue, launchesKeptMs).then(
      () => '',
      (error: unknown) => `launches that have ended are not deleted: ${(error as Error).message}`,
    );
    this.warnOfLaunches(trouble);
  }

  /** Whether it could be done; what went wrong is logged. */
  private async did(otherwise: string, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.warnOnce(`${otherwise}: ${(error as Error).message}`);
      return false;
    }
  }

  /** Its clock, its library and the free space for its journals, which `doctor` checks. */
  private async reportItself(): Promise<void> {
    const { identity, host, journals } = this.config;
    const { library } = this;
    const room = await roomIn(journals);
    await noteWorker(this.pool, { worker: identity, host, journals: room, library });
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
}
