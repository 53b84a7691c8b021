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
 * @returns microseconds since 1970, exact until the year 2255; or what is wrong, as the end of
 *   "X …"
 */
export function readInstant(text: string): ReadInstant {
  const read = partsOf(text);
  return 'wrong' in read ? read : { micros: read.utcMs * 1_000 + Number(read.micros) };
}

/** As `readInstant`, exact in any year. */
export function readExactInstant(text: string): { micros: bigint } | { wrong: string } {
  const read = partsOf(text);
  return 'wrong' in read ? read : { micros: BigInt(read.utcMs) * 1_000n + BigInt(read.micros) };
}

/** The whole second in UTC, and the six digits behind it. */
function partsOf(text: string): { utcMs: number; micros: string } | { wrong: string } {
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
  const utcMs = date.getTime() - offset;
  const yearInUtc = new Date(utcMs).getUTCFullYear();
  if (yearInUtc < 1 || yearInUtc > 9_999)
    return { wrong: 'is outside of the years 1 to 9999 in UTC' };
  return { utcMs, micros: fraction.padEnd(6, '0') };
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
  const read = partsOf(text);
  if ('wrong' in read || text.endsWith('Z')) return text;
  return new Date(read.utcMs).toISOString().replace('.000Z', `.${read.micros}Z`);
}
