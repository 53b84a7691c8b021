/* Times and durations as people read them. */

/**
 * A duration as people say it, with two units at most: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 03
 * min`, `3 d 4 h`.
 */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `2026-03-01 02:00:00 UTC`. */
export function utc(iso: string): string {
  return `${new Date(iso).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** UTC with the local time behind it, where that differs. */
export function bothTimes(iso: string): string {
  const at = new Date(iso);
  const offset = -at.getTimezoneOffset();
  if (offset === 0) return utc(iso);
  const local = new Date(at.getTime() + offset * 60_000)
    .toISOString()
    .slice(0, 19)
    .replace('T', ' ');
  const sign = offset < 0 ? '-' : '+';
  const digits = (number: number): string => String(number).padStart(2, '0');
  const zone = `${digits(Math.floor(Math.abs(offset) / 60))}:${digits(Math.abs(offset) % 60)}`;
  return `${utc(iso)} (local ${local} ${sign}${zone})`;
}
