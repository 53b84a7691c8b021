const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const part = /(\d+)(ms|s|m|h|d)/g;

const longestDays = 36_500;
/** The longest that people may give, a hundred years: timers of Temporal end before 300. */
export const longestDuration = `${longestDays}d`;
export const longestDurationMs = longestDays * unitMs.d;

/**
 * Milliseconds of a duration such as `250ms`, `5m` or `1h30m`.
 * @returns undefined when the text is no duration
 */
export function durationMs(text: string): number | undefined {
  if (!/^(\d+(ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(part))
    total += Number(amount) * unitMs[unit as keyof typeof unitMs];
  return total;
}
