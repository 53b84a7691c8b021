import type { AnalysisLimits, AnalysisNumbers } from '../../language/kinds/delivery/analysis.js';

/** The measurement of one window. */
export interface Analysis {
  candidate: AnalysisNumbers;
  baseline: AnalysisNumbers | null;
  /** Milliseconds that were measured. */
  windowMs: number;
  verdict: Verdict['is'];
  why: string;
  /** What the source said about its numbers, such as that they are incomplete. */
  warnings?: string[];
}

export interface Verdict {
  is: 'pass' | 'fail' | 'inconclusive';
  /** In words, with the numbers. */
  why: string;
}

/**
 * A p95 comes from a histogram, where small times jump between buckets: a smaller difference does
 * not count. In milliseconds.
 */
const noticeableMs = 10;
/** Fewer failed requests than this may be chance, whatever their share. */
const leastErrors = 3;
/** The same for slow requests: a p95 means something once this many lie above it. */
const leastSlow = 3;

/**
 * Compares the candidate with the baseline.
 * @param baseline null when there is nothing to compare with: then only errors count
 * @param gaps what the source could not answer, in words: with a gap nothing passes
 */
export function compare(
  candidate: AnalysisNumbers,
  baseline: AnalysisNumbers | null,
  limits: AnalysisLimits,
  gaps: readonly string[] = [],
): Verdict {
  const broken = tooManyErrors(candidate, baseline, limits);
  if (broken) return { is: 'fail', why: broken };
  if (candidate.requests < limits.minRequests) {
    const few =
      `${candidate.requests} requests in the window, and ` +
      `${limits.minRequests} are needed to say anything`;
    return { is: 'inconclusive', why: [...gaps, few].join('; ') };
  }
  const slow = tooSlow(candidate, baseline, limits);
  if (slow && isChance(candidate))
    return { is: 'inconclusive', why: `${slow}, but of ${candidate.requests} requests only` };
  if (slow) return { is: 'fail', why: slow };
  if (gaps.length > 0) return { is: 'inconclusive', why: gaps.join('; ') };
  const compared = baseline?.p95Ms ?? null;
  if (compared !== null && candidate.p95Ms === null)
    return { is: 'inconclusive', why: 'nobody measured how long it took' };
  return {
    is: 'pass',
    why: [
      `${candidate.requests} requests, ${candidate.errors} failed`,
      timesOf(candidate.p95Ms, compared),
    ]
      .filter(Boolean)
      .join(', '),
  };
}

/**
 * True as soon as the candidate must fail: so many failed requests that the rest of the window
 * could not make up for them.
 */
export function isLost(
  candidate: AnalysisNumbers,
  baseline: AnalysisNumbers | null,
  limits: AnalysisLimits,
): boolean {
  return candidate.errors >= 2 * leastErrors && tooManyErrors(candidate, baseline, limits) !== null;
}

function tooManyErrors(
  candidate: AnalysisNumbers,
  baseline: AnalysisNumbers | null,
  { errorRate }: AnalysisLimits,
): string | null {
  const [rate, before] = [share(candidate), baseline ? share(baseline) : 0];
  if (candidate.errors < leastErrors || rate <= before + errorRate) return null;
  return (
    `${candidate.errors} of ${candidate.requests} requests failed (${percent(rate)}, against ` +
    `${percent(before)} before; ${percent(errorRate)} more are allowed)`
  );
}

function tooSlow(
  candidate: AnalysisNumbers,
  baseline: AnalysisNumbers | null,
  { latency }: AnalysisLimits,
): string | null {
  const [p95, before] = [candidate.p95Ms, baseline?.p95Ms ?? null];
  if (p95 === null || before === null || p95 <= before * latency || p95 - before < noticeableMs)
    return null;
  const allowed = `${latency} times as much is allowed`;
  return `its p95 is ${ms(p95)}, against ${ms(before)} before (${allowed})`;
}

/** So few requests that a few slow ones, normal on any machine, decide the p95. */
function isChance({ requests }: AnalysisNumbers): boolean {
  return 0.05 * requests < leastSlow;
}

/**
 * Tests for a memory leak: a release that leaks grows in nearly every window, by more than noise.
 * @param samples resident memory at the end of each window, in bytes, the oldest first
 * @param allowed growth from the first half of the windows to the second, such as 0.2
 */
export function leaks(samples: readonly number[], allowed: number): string | null {
  if (samples.length < 4) return null;
  const rising = samples.filter(
    (each, index) => index > 0 && each > (samples[index - 1] as number),
  ).length;
  const half = Math.floor(samples.length / 2);
  const [early, late] = [mean(samples.slice(0, half)), mean(samples.slice(-half))];
  const growth = late / early - 1;
  if (rising < 0.75 * (samples.length - 1) || growth <= allowed) return null;
  return (
    `its memory grew by ${percent(growth)} while it was watched, in ${rising} of ` +
    `${samples.length - 1} windows (${mega(samples[0] ?? 0)} to ${mega(samples.at(-1) ?? 0)})`
  );
}

function timesOf(p95: number | null, before: number | null): string {
  if (p95 === null) return '';
  return before === null ? `p95 ${ms(p95)}` : `p95 ${ms(p95)} against ${ms(before)}`;
}

function share({ requests, errors }: AnalysisNumbers): number {
  return requests === 0 ? 0 : errors / requests;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (part: number): string => `${Math.round(part * 1_000) / 10} %`;
const ms = (value: number): string => `${Math.round(value * 10) / 10} ms`;
const mega = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`;
