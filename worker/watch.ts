import type { ConnectionOptions } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import type pg from 'pg';
import type { Commands } from '../activities/commands.js';
import { endLeftCommands } from '../activities/left-commands.js';
import { forgetWorker, noteWorker, sinceComparison } from '../store/index.js';
import type { WorkerConfig } from './config.js';
import { Fates } from './fate.js';
import { Keeper } from './keeper.js';
import { Leadership } from './leadership.js';
import { roomIn } from './room.js';

/**
 * A leader that has not looked for this many intervals has stopped: another worker looks in its
 * place.
 */
const staleAfter = 4;

/**
 * What a worker does beside its steps, again and again: as the leader it compares the record with
 * Temporal, on its own host it ends what ended runs have left running, and it tells of itself.
 */
export class Watch {
  private readonly keeper: Keeper;
  private readonly fates: Fates;
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
    this.fates = new Fates(temporal.options, temporal.namespace, config.identity);
    this.keeper = new Keeper({
      pool,
      fates: this.fates,
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
      this.busy ??= this.turn().finally(() => {
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
    await this.fates.close();
  }

  private async turn(): Promise<void> {
    try {
      if (await this.leads()) await this.keeper.look();
      this.tell('');
    } catch (error) {
      this.tell(`the record is not compared with Temporal now: ${(error as Error).message}`);
    }
    await endLeftCommands(this.pool, this.commands).catch((error: unknown) =>
      this.tell(
        `what ended runs have left on this host is not looked after now: ${(error as Error).message}`,
      ),
    );
    await this.tellOfItself().catch((error: unknown) =>
      this.tell(`doctor is not told of this worker now: ${(error as Error).message}`),
    );
  }

  /** Its clock and the room of its journals, which `doctor` looks at. */
  private async tellOfItself(): Promise<void> {
    const { identity, host, journals } = this.config;
    await noteWorker(this.pool, { worker: identity, host, journals: await roomIn(journals) });
  }

  private async leads(): Promise<boolean> {
    const namespaceId = await this.fates.namespaceId();
    if (this.leadership?.namespaceId !== namespaceId) {
      await this.leadership?.lock.close();
      this.leadership = {
        namespaceId,
        lock: new Leadership(this.config.databaseUrl, `watch ${namespaceId}`),
      };
    }
    if (await this.leadership.lock.held()) return true;
    const since = await sinceComparison(this.pool, namespaceId);
    return since === null ? false : since > staleAfter * this.config.watchMs;
  }

  /** A trouble is told once, not at every look. */
  private tell(trouble: string): void {
    if (trouble !== this.trouble && trouble) Runtime.instance().logger.warn(trouble);
    this.trouble = trouble;
  }
}
