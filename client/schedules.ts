import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  type ScheduleHandle,
} from '@temporalio/client';
import { launchWorkflow, workflowTaskTimeout } from '../common/defaults.js';
import type { StartEnvelope } from '../common/envelope.js';
import { markdown } from '../common/markdown.js';
import type { Temporal } from './connect.js';
import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { unknownName } from './nearest.js';
import type { Session } from './session.js';

/** When runs are started: at an interval in milliseconds, or at the times of a cron expression. */
export type When = { everyMs: number } | { cron: string; timezone: string };

/** A schedule as people see it. */
export interface ScheduleView {
  id: string;
  runbook: string;
  drill: boolean;
  by: string;
  /** In words. */
  when: string;
  paused: boolean;
  note: string | null;
  /** ISO time; null when there is none. */
  next: string | null;
  /** ISO time of the newest start; null when there was none. */
  last: string | null;
}

/**
 * A run that was missed while the server was down is started later, once, if it is less than this
 * late, in milliseconds.
 */
const catchUpMs = 24 * 3_600_000;

/** The server's own message, unwrapped. */
function detailsOf(error: unknown): string {
  const { details, cause } = error as { details?: unknown; cause?: unknown };
  if (typeof details === 'string') return details;
  return cause instanceof Error ? detailsOf(cause) : error instanceof Error ? error.message : '';
}

/**
 * Starts runs at times, through the same admission as by hand. A start is skipped while the
 * previous run is still active.
 * @returns times that clocks leave out there, at which nothing is started; see `schedule-gaps.ts`
 * @throws CliError with exit code 2 when the id is taken, the server does not take the times, or
 *   they never come
 */
export async function createSchedule(
  session: Session,
  id: string,
  envelope: StartEnvelope,
  when: When,
): Promise<string[]> {
  const temporal = await session.temporal();
  try {
    await temporal.within(10_000, () =>
      temporal.client.schedule.create({
        scheduleId: id,
        spec:
          'everyMs' in when
            ? { intervals: [{ every: when.everyMs }] }
            : { cronExpressions: [when.cron], timezone: when.timezone },
        policies: {
          overlap: ScheduleOverlapPolicy.SKIP,
          catchupWindow:
            'everyMs' in when ? Math.max(60_000, Math.min(catchUpMs, when.everyMs)) : catchUpMs,
        },
        action: {
          type: 'startWorkflow',
          workflowType: launchWorkflow,
          // The server adds the time: each start has an id of its own.
          workflowId: `launch-${id}`,
          taskQueue: temporal.taskQueue,
          args: [envelope],
          workflowTaskTimeout,
          staticSummary:
            `${envelope.drill ? 'Drill' : 'Run'} of ` +
            `${markdown(envelope.runbook)}, from schedule ${markdown(id)}`,
        },
        memo: {
          runbook: envelope.runbook,
          by: envelope.by,
          drill: envelope.drill === true,
          when: whenWords(when),
        },
      }),
    );
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) {
      throw new CliError(
        `There is a schedule ${id} already; nothing was changed.`,
        `Remove it with: ${session.command} schedule delete ${id}`,
        exitCodes.usage,
      );
    }
    const details = detailsOf(error);
    if (!/cron|calendar|interval|time ?zone|schedule spec/i.test(details)) throw error;
    throw new CliError(
      `These are no times: ${details.replace(/^invalid schedule spec: /i, '').replace(/\.$/, '')}.`,
      "Write for example --every 30m, or --cron '0 3 * * 0'.",
      exitCodes.usage,
    );
  }
  const { isEver, skippedTimes } = await import('./schedule-gaps.js');
  if (!(await isEver(temporal, id).catch(() => true))) {
    await temporal.within(10_000, () => temporal.client.schedule.getHandle(id).delete());
    throw new CliError(
      `There is no such time: ${whenWords(when)} never comes. Nothing was scheduled.`,
      'Is the day in that month? February has 29 days at most; a year has to be one to come.',
      exitCodes.usage,
    );
  }
  if (!('cron' in when)) return [];
  // The schedule exists already: a failed look-up must not fail the command.
  return skippedTimes(temporal, when).catch(() => []);
}

/** Starts a run now, unless one still goes on. */
export function trigger(handle: ScheduleHandle): Promise<void> {
  return handle.trigger(ScheduleOverlapPolicy.SKIP);
}

export async function listSchedules(session: Session): Promise<ScheduleView[]> {
  const temporal = await session.temporal();
  const ids: string[] = [];
  await temporal.within(10_000, async () => {
    for await (const { scheduleId } of temporal.client.schedule.list({ pageSize: 100 }))
      ids.push(scheduleId);
  });
  // The list is eventually consistent and incomplete; describing each schedule is exact.
  const views = await Promise.all(ids.map((id) => readSchedule(temporal, id).catch(() => null)));
  return views.filter((view) => view !== null).sort((a, b) => a.id.localeCompare(b.id));
}

/** Null for a schedule that starts something else. */
async function readSchedule(temporal: Temporal, id: string): Promise<ScheduleView | null> {
  const found = await temporal.within(5_000, () =>
    temporal.client.schedule.getHandle(id).describe(),
  );
  if (found.action.workflowType !== launchWorkflow || found.action.taskQueue !== temporal.taskQueue)
    return null;
  const memo = (found.memo ?? {}) as {
    runbook?: string;
    by?: string;
    drill?: boolean;
    when?: string;
  };
  return {
    id,
    runbook: memo.runbook ?? '',
    drill: memo.drill === true,
    by: memo.by ?? '',
    when: memo.when ?? '',
    paused: found.state.paused,
    note: found.state.note ?? null,
    next: found.state.paused ? null : (found.info.nextActionTimes[0]?.toISOString() ?? null),
    last: found.info.recentActions.at(-1)?.takenAt.toISOString() ?? null,
  };
}

/**
 * Does something with a schedule.
 * @throws CliError with exit code 2 when there is none of that id
 */
export async function withSchedule<T>(
  session: Session,
  id: string,
  work: (handle: ScheduleHandle) => Promise<T>,
): Promise<T> {
  const temporal = await session.temporal();
  try {
    return await temporal.within(10_000, () => work(temporal.client.schedule.getHandle(id)));
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    const known = await listSchedules(session).catch((): ScheduleView[] => []);
    throw unknownName(
      `There is no schedule ${id}.`,
      { name: id, what: 'schedules', known: known.map((each) => each.id) },
      `${session.command} schedule list`,
    );
  }
}

function whenWords(when: When): string {
  if ('cron' in when) return `${when.cron} (${when.timezone})`;
  const minutes = when.everyMs / 60_000;
  if (minutes < 1) return `every ${when.everyMs / 1_000} s`;
  if (minutes % 1_440 === 0) return `every ${minutes / 1_440} d`;
  return minutes % 60 === 0 ? `every ${minutes / 60} h` : `every ${minutes} min`;
}
