import { durationMs } from '../duration.js';
import { readExactInstant } from '../instant.js';
import { Duration, Timestamp, Wrong } from './values.js';

const microsAMs = 1_000n;
export const microsASecond = 1_000_000n;
export const microsADay = 86_400n * microsASecond;

/** The years that a timestamp has: 1 to 9999. */
const earliest = -62_135_596_800n * microsASecond;
const latest = 253_402_300_800n * microsASecond - 1n;

/** The timestamp, where it is in a year with four digits. */
export function timestamp(micros: bigint): Timestamp | Wrong {
  return micros < earliest || micros > latest
    ? new Wrong('the time is outside of the years 1 to 9999')
    : new Timestamp(micros);
}

/** No duration and no time is longer than this; a longer text is not looked at. */
const longest = 60;

/** Reads `5m` or `1h30m`, also with a minus before it. */
export function readDuration(text: string): Duration | Wrong {
  const isNegative = text.startsWith('-');
  const ms = text.length > longest ? undefined : durationMs(isNegative ? text.slice(1) : text);
  if (ms === undefined || !Number.isSafeInteger(ms))
    return new Wrong(`${JSON.stringify(text.slice(0, 40))} is no duration, such as 90s or 1h30m`);
  return new Duration((isNegative ? -1n : 1n) * BigInt(ms) * microsAMs);
}

const units = [
  ['d', 86_400_000n],
  ['h', 3_600_000n],
  ['m', 60_000n],
  ['s', 1_000n],
  ['ms', 1n],
] as const;

/** `1h30m`: what `readDuration` reads. Less than a millisecond is left out. */
export function durationText({ micros }: Duration): string {
  let ms = (micros < 0n ? -micros : micros) / microsAMs;
  let text = '';
  for (const [unit, size] of units) {
    if (ms >= size) text += `${ms / size}${unit}`;
    ms %= size;
  }
  if (text === '') return '0s';
  return micros < 0n ? `-${text}` : text;
}

/** Reads a time with its zone, as ISO 8601, PostgreSQL and OpenSSL write it. */
export function readTimestamp(text: string): Timestamp | Wrong {
  const short = text.slice(0, longest);
  const read = readExactInstant(fromPostgres(short) ?? fromOpenssl(short) ?? short);
  return 'micros' in read
    ? timestamp(read.micros)
    : new Wrong(`${JSON.stringify(text.slice(0, 40))} ${read.wrong}`);
}

/** `2026-01-31 12:00:00.5+00`. */
function fromPostgres(text: string): string | undefined {
  const [, day, time, zone, minutes = ':00'] =
    /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?)([+-]\d\d)(:\d\d)?$/.exec(text) ?? [];
  return day === undefined ? undefined : `${day}T${time}${zone}${minutes}`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Jan 31 12:00:00 2026 GMT`. */
function fromOpenssl(text: string): string | undefined {
  const [, name = '', day = '', time, year] =
    /^([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d:\d\d:\d\d) (\d{4}) GMT$/.exec(text) ?? [];
  const month = String(months.indexOf(name) + 1).padStart(2, '0');
  return month === '00' ? undefined : `${year}-${month}-${day.padStart(2, '0')}T${time}Z`;
}

/** `2026-01-31T12:00:00Z`, with a fraction only where there is one. */
export function timestampText({ micros }: Timestamp): string {
  const fraction = ((micros % microsASecond) + microsASecond) % microsASecond;
  const seconds = dateOf({ micros: micros - fraction })
    .toISOString()
    .slice(0, 19);
  const digits = String(fraction).padStart(6, '0').replace(/0+$/, '');
  return digits === '' ? `${seconds}Z` : `${seconds}.${digits}Z`;
}

/** For its parts in UTC. */
export function dateOf({ micros }: Pick<Timestamp, 'micros'>): Date {
  const part = ((micros % microsAMs) + microsAMs) % microsAMs;
  return new Date(Number((micros - part) / microsAMs));
}
