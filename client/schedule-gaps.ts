import { randomUUID } from 'node:crypto';
import type { Temporal } from './connect.js';

/*
 * Where clocks are put forward, some times of the year do not exist. Temporal starts nothing then
 * and reports nothing: a yearly schedule at such a time can skip years. To find such times, we ask
 * Temporal for the times of the same expression in UTC, which has no gaps.
 */

/**
 * The time, mostly an hour, that clocks leave out: local time read as if it were UTC, in
 * milliseconds, the end not included.
 */
interface Gap {
  from: number;
  to: number;
}

/**
 * How far ahead gaps are looked for: 29 March is the last Sunday of a March again after eleven
 * years at most.
 */
const years = 12;
const yearMs = 366 * 86_400_000;
/** Clocks are changed less often than that. */
const strideMs = 7 * 86_400_000;

/**
 * How far the clocks of a zone are ahead of UTC at a moment, in milliseconds.
 * @throws RangeError for no zone
 */
function clockOf(zone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  return (at) => {
    const part = Object.fromEntries(
      format.formatToParts(at).map(({ type, value }) => [type, Number(value)]),
    );
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1_000) * 1_000;
  };
}

/** The times that do not exist in a zone. @param from epoch milliseconds */
export function gapsOf(zone: string, from: number, untilMs = from + years * yearMs): Gap[] {
  const ahead = clockOf(zone);
  const gaps: Gap[] = [];
  for (let at = from; at < untilMs; at += strideMs) {
    const before = ahead(at);
    if (ahead(at + strideMs) <= before) continue;
    // To the second at which it changes.
    let [low, high] = [at, at + strideMs];
    while (high - low > 1_000) {
      const middle = Math.floor((low + high) / 2_000) * 1_000;
      if (ahead(middle) > before) high = middle;
      else low = middle;
    }
    gaps.push({ from: high + before, to: high + ahead(high) });
  }
  return gaps;
}

/** Temporal computes times up to the end of this year. */
const lastYear = 2099;

/** Whether Temporal knows any time to come at which the schedule starts something. */
export async function isEver(temporal: Temporal, scheduleId: string): Promise<boolean> {
  const times = await timesBetween(temporal, scheduleId, Date.now(), Date.UTC(lastYear, 11, 31));
  return times.length > 0;
}

/**
 * The times of an expression that the zone's clocks leave out. One right after another time of the
 * same expression does not count: in truth no time passes in a gap.
 * @returns texts such as `2026-03-29 02:30`
 */
export async function skippedTimes(
  temporal: Temporal,
  { cron, timezone }: { cron: string; timezone: string },
): Promise<string[]> {
  const [, own, plain = cron] = /^(?:CRON_TZ|TZ)=(\S+)\s+(.*)$/.exec(cron) ?? [];
  const gaps = gapsOf(own ?? timezone, Date.now());
  if (gaps.length === 0) return [];
  const scheduleId = `calendar-${randomUUID()}`;
  const handle = await temporal.within(10_000, () =>
    temporal.client.schedule.create({
      scheduleId,
      spec: { cronExpressions: [plain], timezone: 'UTC' },
      // It only serves a query, and never starts anything.
      state: { paused: true, note: 'only asked for its times; may be deleted' },
      action: {
        type: 'startWorkflow',
        workflowType: 'calendar',
        workflowId: scheduleId,
        taskQueue: temporal.taskQueue,
        args: [],
      },
    }),
  );
  try {
    const found = await Promise.all(
      gaps.map(async ({ from, to }) => {
        const early = from - (to - from);
        const times = await timesBetween(temporal, scheduleId, early, to - 1_000);
        return times.some((at) => at < from) ? [] : times.filter((at) => at >= from && at < to);
      }),
    );
    return found.flat().map((at) => new Date(at).toISOString().slice(0, 16).replace('T', ' '));
  } finally {
    await temporal.within(10_000, () => handle.delete()).catch(() => undefined);
  }
}

async function timesBetween(
  temporal: Temporal,
  scheduleId: string,
  from: number,
  to: number,
): Promise<number[]> {
  const { startTime } = await temporal.within(10_000, () =>
    temporal.connection.workflowService.listScheduleMatchingTimes({
      namespace: temporal.namespace,
      scheduleId,
      startTime: timestamp(from),
      endTime: timestamp(to),
    }),
  );
  return (startTime ?? []).map(({ seconds }) => Number(seconds ?? 0) * 1_000);
}

/** The generated types want a `Long`; a number is encoded as well, and stays exact here. */
function timestamp(ms: number): { seconds: never; nanos: number } {
  return { seconds: Math.floor(ms / 1_000) as never, nanos: 0 };
}
