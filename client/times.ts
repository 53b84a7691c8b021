import { duration } from '../common/times.js';

/** How long ago, or for how long. */
export function since(iso: string, now = Date.now()): string {
  return duration(Math.max(0, now - Date.parse(iso)));
}

/** Roughly how long ago, for tables: `53 s`, `4 min`, `2 h`, `5 d`. */
export function age(iso: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
