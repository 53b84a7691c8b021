import { recoveryClocks, type ReachedView, type RecoveryView } from '../../common/view.js';
import { duration, utc } from '../../common/times.js';

/** `RTO 4 min 05 s of 4 h 00 min, RPO 3.0 s of 15 min 00 s`. */
export function reachedWords({ rtoMs, rpoMs, objective }: ReachedView): string {
  const of = (minutes: number | undefined): string =>
    minutes === undefined ? '' : ` of ${minutesWords(minutes)}`;
  return (
    `RTO ${duration(rtoMs)}${of(objective?.rtoMinutes)}, RPO ` +
    `${duration(rpoMs)}${of(objective?.rpoMinutes)}`
  );
}

/** Whether it met its objective, in a word. */
export function verdictWords({ met }: Pick<ReachedView, 'met'>): string {
  return met === null ? 'no objective' : met ? 'reached' : 'missed';
}

export interface RecoveryRow {
  name: string;
  /** Null where nothing can be said. */
  met: boolean | null;
  verdict: string;
  reached: string;
}

/**
 * The results of a recovery: overall, and for each service, also for those with an objective that
 * were not measured.
 */
export function recoveryRows(recovery: RecoveryView): RecoveryRow[] {
  const measured: [string, ReachedView][] = [
    ['the whole system', recovery],
    ...Object.entries(recovery.services),
  ];
  return [
    ...measured.map(([name, each]) => ({
      name,
      met: each.met,
      verdict: verdictWords(each),
      reached: reachedWords(each),
    })),
    ...Object.entries(recovery.unmeasured ?? {}).map(([name, { rtoMinutes, rpoMinutes }]) => ({
      ...{ name, met: null, verdict: 'not measured' },
      reached:
        `RTO of ${minutesWords(rtoMinutes)}, RPO of ` +
        `${minutesWords(rpoMinutes)} are to be reached`,
    })),
  ];
}

/** The division of time, in order, with labels for people. */
export function spentRows({ spent }: RecoveryView): { name: string; ms: number }[] {
  return recoveryClocks.map((clock) => ({ name: clock, ms: spent[clock] }));
}

/** The times that the results are computed from. */
export function recoveryTimes({
  failedAt,
  recoveredTo,
  healthyAt,
}: RecoveryView): [name: string, value: string][] {
  return [
    ['Failed', utc(failedAt)],
    ['Recovered to', utc(recoveredTo)],
    ['Healthy', utc(healthyAt)],
  ];
}

function minutesWords(minutes: number): string {
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`;
}
