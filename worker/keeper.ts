import type pg from 'pg';
import type { Problem } from '../common/view.js';
import {
  closeRun,
  endedAmong,
  recordComparison,
  noteReplaced,
  openByNamespace,
  openRuns,
  replacedBy,
  saveRun,
  type LeftRunning,
  type WatchedRun,
} from '../store/index.js';
import { gone, type Closed } from './closed-by.js';
import type { Fate, Fates } from './fate.js';

/**
 * Runs that are proved at a look although the list has them as running: the list may be wrong. All
 * of them, in turn.
 */
const provedInTurn = 100;
/** Instead of ids: no namespace but the one here is left. */
const allOthers = 'others';
/** Questions to Temporal at a time. */
const atOnce = 16;

export interface KeeperDeps {
  pool: pg.Pool;
  fates: Pick<Fates, 'namespace' | 'namespaceId' | 'listed' | 'fateOf' | 'view'>;
  /** Names this worker. */
  worker: string;
  /** How commands that we print are called. */
  command: string;
  /**
   * Ids of namespaces that are known to be lost with all their runs; or `others`: all but the one
   * that is asked.
   */
  lostNamespaces: readonly string[];
  /** Told what was found, one line each. */
  say: (line: string) => void;
}

/** What one look did. */
export interface Look {
  /** Runs that the record had as open. */
  open: number;
  /** Workflow ids of runs that were closed. */
  closed: string[];
  /** Workflow ids of runs that go on although the record had them as ended. */
  revived: string[];
}

/**
 * Keeps the record true to Temporal: a run that was terminated, timed out or deleted there is
 * closed, one that goes on after a reset is opened again. The list only says where to look; nothing
 * is closed but what Temporal's own state proves.
 */
export class Keeper {
  /**
   * Runs that the look before has missed in Temporal: a server that has just failed over may learn
   * of them yet.
   */
  private missing = new Set<string>();
  private turn = 0;
  private namespaceId: string | undefined;

  constructor(private readonly deps: KeeperDeps) {}

  /**
   * Compares once.
   * @throws Error when Temporal or the record does not answer; what was found until then is done
   */
  async look(): Promise<Look> {
    const { pool, fates, worker } = this.deps;
    const namespaceId = await this.currentNamespace();
    const lost = [...(await this.lost(namespaceId)), ...(await replacedBy(pool, namespaceId))];
    const open = await openRuns(pool, [namespaceId, ...lost]);
    const listed = await fates.listed().catch(() => undefined);

    const look: Look = { open: open.length, closed: [], revived: [] };
    const missing = new Set<string>();
    await inTurns(this.candidates(open, listed), async (run) => {
      const fate = await fates.fateOf(run);
      const id = idOf(run);
      if (fate.is === 'missing' && !this.missing.has(id)) missing.add(id);
      else if (await this.close(run, fate)) look.closed.push(run.key.run);
    });
    this.missing = missing;

    const live = new Set(open.map(({ key }) => key.run));
    const ended = listed
      ? await endedAmong(
          pool,
          [...listed].filter((run) => !live.has(run)),
        )
      : [];
    await inTurns(ended, async (run) => {
      if (await this.revive(run)) look.revived.push(run.key.run);
    });
    await recordComparison(pool, { namespaceId, namespace: fates.namespace, worker });
    return look;
  }

  private async lost(here: string): Promise<readonly string[]> {
    const { pool, lostNamespaces } = this.deps;
    if (!lostNamespaces.includes(allOthers)) return lostNamespaces;
    const live = await openByNamespace(pool);
    return live.map(({ namespaceId }) => namespaceId).filter((id) => id !== here);
  }

  /**
   * Asked at every look: who answers today may be another server than yesterday, and then its runs
   * are others too.
   */
  private async currentNamespace(): Promise<string> {
    const { pool, fates } = this.deps;
    const now = await fates.namespaceId();
    const before = this.namespaceId;
    if (before !== undefined && before !== now) await noteReplaced(pool, before, now);
    this.namespaceId = now;
    return now;
  }

  private candidates(
    open: readonly WatchedRun[],
    listed: ReadonlySet<string> | undefined,
  ): WatchedRun[] {
    if (!listed || open.length <= provedInTurn) return [...open];
    const running = open.filter(({ key }) => listed.has(key.run));
    const from = this.turn % Math.max(1, running.length);
    this.turn = from + provedInTurn;
    return [
      ...open.filter(({ key }) => !listed.has(key.run)),
      ...running.slice(from, from + provedInTurn),
    ];
  }

  private async close(run: WatchedRun, fate: Fate): Promise<boolean> {
    if (fate.is === 'running') return false;
    const missing = fate.is === 'missing';
    const closed: Closed = missing ? { ...gone(), endedAt: new Date().toISOString() } : fate;
    const done = await closeRun(this.deps.pool, run.key, {
      state: closed.state,
      endedAt: closed.endedAt,
      problem: (left) => problemOf(closed, left, run.key.run, this.deps.command),
      ...(closed.outputs ? { outputs: closed.outputs } : {}),
      missing,
      execution: run.execution,
    });
    if (done)
      this.deps.say(
        `run ${run.key.run} is closed in the record as ${closed.state}: ${closed.why?.message ?? 'it has ended'}`,
      );
    return done;
  }

  /**
   * A run waits at a gate and says nothing by itself: after a reset the record would not learn that
   * it goes on.
   */
  private async revive(run: WatchedRun & { missing: boolean }): Promise<boolean> {
    const { pool, fates } = this.deps;
    const fate = await fates.fateOf(run);
    // A run that ends writes that down and then ends: until then it is still the same execution.
    const isNext =
      run.execution !== null && fate.is === 'running' && fate.execution.runId !== run.execution;
    if (fate.is !== 'running' || !(isNext || run.missing)) return false;
    await saveRun(pool, await fates.view(run.key.run), fate.execution);
    this.deps.say(`run ${run.key.run} goes on in Temporal: it is open again in the record`);
    return true;
  }
}

/** What happened, what was left, what to do. */
function problemOf(
  { why }: Closed,
  left: readonly LeftRunning[],
  run: string,
  command: string,
): Problem | null {
  if (!why) return null;
  const steps = left.map(({ step, title, host }) => `${step} (${title}) on ${host}`).join(', ');
  const what =
    left.length > 0
      ? `when it ended, ${steps} was running: nobody knows how that ended`
      : 'no step was running';
  const look =
    left.length > 0
      ? `Look at what ${left.map(({ step }) => step).join(', ')} did`
      : 'Look at the last steps and at the target';
  return {
    type: why.type,
    message: `${why.message.replace(/\.$/, '')}; ${what}, and nothing was taken back`,
    next: `${look}; then go on from there with: ${command} start --from ${run}`,
  };
}

function idOf({ key }: WatchedRun): string {
  return `${key.run}/${key.firstRunId}`;
}

/**
 * Does `work` for every item, a few at a time. What fails does not keep the others from being done.
 * @throws Error the first failure
 */
async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const item of rest) await work(item).catch((error: unknown) => failures.push(error));
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
}
