import type pg from 'pg';
import { resetText } from '../common/former-ends.js';
import { quoteArgument } from '../common/quote-argument.js';
import type { Problem } from '../common/view.js';
import {
  closeRun,
  endedAmong,
  explainReset,
  recordComparison,
  notePauses,
  noteReplaced,
  openByNamespace,
  openRuns,
  replacedBy,
  saveRun,
  unexplainedResets,
  type LeftRunning,
  type LookedAt,
  type WatchedRun,
} from '../store/index.js';
import { gone, type Closed } from './closed-by.js';
import type { TemporalState, TemporalRuns } from './temporal-runs.js';

/** Listed runs that are checked in one pass, in rotation: the list may be wrong. */
const provedPerPass = 100;
/** Instead of ids: all namespaces but this one are lost. */
const allOthers = 'others';
/** Parallel requests to Temporal. */
const maxParallel = 16;

export interface RecordKeeperDeps {
  pool: pg.Pool;
  temporalRuns: Pick<
    TemporalRuns,
    'namespace' | 'namespaceId' | 'listed' | 'stateOf' | 'view' | 'resetReason'
  >;
  /** Identity of this worker. */
  worker: string;
  /**
   * Ids of namespaces that are known to be lost with all their runs; or `others`: all but the
   * current one.
   */
  lostNamespaces: readonly string[];
  /** Called with each finding, one line each. */
  say: (line: string) => void;
}

/** The result of one comparison. */
export interface Comparison {
  /** Number of runs that were open in the record. */
  open: number;
  /** Workflow ids of runs that were closed. */
  closed: string[];
  /** Workflow ids of running runs that had ended in the record. */
  revived: string[];
}

/**
 * Keeps the record consistent with Temporal: a run that was terminated, timed out or deleted there
 * is closed, one that continues after a reset is reopened. The list only gives candidates; a run is
 * closed only when Temporal's own state proves its end.
 */
export class RecordKeeper {
  /**
   * Runs that were missing in the last comparison: a server may still learn of them after a
   * fail-over.
   */
  private missing = new Set<string>();
  private turn = 0;
  private namespaceId: string | undefined;

  constructor(private readonly deps: RecordKeeperDeps) {}

  /**
   * Compares the record with Temporal once.
   * @throws Error when Temporal or the record does not answer; earlier findings are already applied
   */
  async compare(): Promise<Comparison> {
    const { pool, temporalRuns, worker } = this.deps;
    const namespaceId = await this.currentNamespace();
    const lost = [...(await this.lost(namespaceId)), ...(await replacedBy(pool, namespaceId))];
    const open = await openRuns(pool, [namespaceId, ...lost]);
    const listed = await temporalRuns.listed().catch(() => undefined);

    const result: Comparison = { open: open.length, closed: [], revived: [] };
    const missing = new Set<string>();
    const running: LookedAt[] = [];
    await inParallel(this.candidates(open, listed), async (run) => {
      const found = await temporalRuns.stateOf(run);
      const id = idOf(run);
      if (found.is === 'running') running.push({ key: run.key, pauses: found.pauses });
      if (found.is === 'missing' && !this.missing.has(id)) missing.add(id);
      else if (await this.close(run, found)) result.closed.push(run.key.run);
    });
    this.missing = missing;
    await notePauses(pool, running);

    const live = new Set(open.map(({ key }) => key.run));
    const ended = listed
      ? await endedAmong(
          pool,
          [...listed].filter((run) => !live.has(run)),
        )
      : [];
    await inParallel(ended, async (run) => {
      if (await this.revive(run)) result.revived.push(run.key.run);
    });
    await this.explainResets(namespaceId);
    await recordComparison(pool, { namespaceId, namespace: temporalRuns.namespace, worker });
    return result;
  }

  private async lost(here: string): Promise<readonly string[]> {
    const { pool, lostNamespaces } = this.deps;
    if (!lostNamespaces.includes(allOthers)) return lostNamespaces;
    const live = await openByNamespace(pool);
    return live.map(({ namespaceId }) => namespaceId).filter((id) => id !== here);
  }

  /**
   * Asked in every pass: another server, with other runs, may answer at the same address by now.
   */
  private async currentNamespace(): Promise<string> {
    const { pool, temporalRuns } = this.deps;
    const now = await temporalRuns.namespaceId();
    const before = this.namespaceId;
    if (before !== undefined && before !== now) await noteReplaced(pool, before, now);
    this.namespaceId = now;
    return now;
  }

  private candidates(
    open: readonly WatchedRun[],
    listed: ReadonlySet<string> | undefined,
  ): WatchedRun[] {
    if (!listed || open.length <= provedPerPass) return [...open];
    const running = open.filter(({ key }) => listed.has(key.run));
    const from = this.turn % Math.max(1, running.length);
    this.turn = from + provedPerPass;
    return [
      ...open.filter(({ key }) => !listed.has(key.run)),
      ...running.slice(from, from + provedPerPass),
    ];
  }

  private async close(run: WatchedRun, found: TemporalState): Promise<boolean> {
    if (found.is === 'running') return false;
    const missing = found.is === 'missing';
    const closed: Closed = missing ? { ...gone(), endedAt: new Date().toISOString() } : found;
    const done = await closeRun(this.deps.pool, run.key, {
      state: closed.state,
      endedAt: closed.endedAt,
      problem: (left) => problemOf(closed, left, run.key.run),
      ...(closed.outputs ? { outputs: closed.outputs } : {}),
      missing,
      execution: run.execution,
    });
    if (done)
      this.deps.say(
        `run ${run.key.run} is closed in the record as ${closed.state}: ` +
          `${closed.why?.message ?? 'it has ended'}`,
      );
    return done;
  }

  /**
   * A run that waits at a gate reports nothing: after a reset the record would not learn that it
   * continues.
   */
  private async revive(run: WatchedRun & { missing: boolean }): Promise<boolean> {
    const { pool, temporalRuns } = this.deps;
    const found = await temporalRuns.stateOf(run);
    // A run records its end before it ends: until then Temporal has the same execution as running.
    const isNext =
      run.execution !== null && found.is === 'running' && found.execution.runId !== run.execution;
    if (found.is !== 'running' || !(isNext || run.missing)) return false;
    await saveRun(pool, await temporalRuns.view(run.key.run), found.execution);
    this.deps.say(`run ${run.key.run} goes on in Temporal: it is open again in the record`);
    return true;
  }

  /** Temporal forgets histories, so the record keeps why somebody reset a run that had ended. */
  private async explainResets(namespaceId: string): Promise<void> {
    const { pool, temporalRuns } = this.deps;
    await inParallel(await unexplainedResets(pool, namespaceId), async (reset) => {
      const reason = await temporalRuns.resetReason(reset.key.run, reset.execution);
      await explainReset(pool, reset, reason);
      this.deps.say(`run ${reset.key.run} had ended: ${resetText(reason)}`);
    });
  }
}

/** What happened, what was left running, what to do. */
function problemOf({ why }: Closed, left: readonly LeftRunning[], run: string): Problem | null {
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
    message: `${why.message.replace(/\.$/, '')}; ${what}, and nothing was undone`,
    next: `${look}; then go on from there`,
    command: `start --from ${quoteArgument(run)}`,
  };
}

function idOf({ key }: WatchedRun): string {
  // eslint-disable-next-line layers/step-paths -- a key of runs
  return `${key.run}/${key.firstRunId}`;
}

/**
 * Does `work` for every item, a few at a time. A failure does not stop the others.
 * @throws Error the first failure
 */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const item of rest) await work(item).catch((error: unknown) => failures.push(error));
  };
  await Promise.all(Array.from({ length: Math.min(maxParallel, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
}
