import { bothTimes, duration } from './report/words.js';

export { bothTimes, duration };

/** How long ago, or for how long. */
export function since(iso: string, now = Date.now()): string {
  return duration(Math.max(0, now - Date.parse(iso)));
}

/** `14:03:07`, local time of the reader. */
export function localClock(iso: string): string {
  const at = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `2026-03-01 02:00:00Z`: short, for tables. */
export function shortUtc(iso: string): string {
  return new Date(iso).toISOString().slice(0, 19).replace('T', ' ').concat('Z');
}
