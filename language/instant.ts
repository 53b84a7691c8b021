/**
 * An instant: date, time and zone, to the microsecond, like PostgreSQL. JavaScript's own parser
 * accepts more (30 February, 24:00, a time without a zone); that is refused here.
 */
const form =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(?:Z|([+-])(\d\d):(\d\d))$/;

/** How an instant is written, for people. */
export const instantForm = '2026-01-31T12:00:00Z';

const minuteMs = 60_000;

export type ReadInstant = { micros: number } | { wrong: string };

/**
 * Reads an instant.
 * @returns microseconds since 1970, a safe integer; or what is wrong, as the end of "X …"
 */
export function readInstant(text: string): ReadInstant {
  const parts = form.exec(text);
  if (!parts)
    return {
      wrong: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7,}/.test(text)
        ? 'is finer than a microsecond'
        : 'is no point in time with a time zone',
    };
  const [, year, month, day, hour, minute, second = '0', fraction = '', sign, offHour, offMinute] =
    parts;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (
    Number(year) === 0 ||
    date.getUTCMonth() !== Number(month) - 1 ||
    date.getUTCDate() !== Number(day)
  )
    return { wrong: `names a day that does not exist, ${year}-${month}-${day}` };
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59)
    return { wrong: 'names a time of day that does not exist' };
  const [offsetHours, offsetMinutes] = [Number(offHour ?? 0), Number(offMinute ?? 0)];
  if (offsetHours > 15 || offsetMinutes > 59)
    return { wrong: 'names a time zone that does not exist' };
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  const offset = (sign === '-' ? -1 : 1) * (offsetHours * 60 + offsetMinutes) * minuteMs;
  return { micros: (date.getTime() - offset) * 1_000 + Number(fraction.padEnd(6, '0')) };
}

/**
 * Microseconds since 1970, to compare times: JavaScript's dates would truncate to milliseconds.
 * @returns NaN when the text is no time at all, as `Date.parse` does
 */
export function microsOf(text: string): number {
  const read = readInstant(text);
  return 'micros' in read ? read.micros : Date.parse(text) * 1_000;
}

/** The same instant in UTC. Text that is in UTC already, or no instant, stays as it is. */
export function inUtc(text: string): string {
  const read = readInstant(text);
  if (!('micros' in read) || text.endsWith('Z')) return text;
  const { micros } = read;
  const ms = Math.floor(micros / 1_000);
  const rest = String(micros - ms * 1_000).padStart(3, '0');
  return new Date(ms).toISOString().replace('Z', `${rest}Z`);
}
