/**
 * Each bucket is 2 % wider than the one before: a quantile is right to 2 %, from 10 µs to minutes.
 */
const growth = Math.log(1.02);
const smallestMs = 0.01;

/** Durations, counted so that quantiles can be told without keeping each of them. */
export class Histogram {
  private readonly buckets = new Map<number, number>();
  private largest = 0;
  count = 0;

  add(ms: number): void {
    const bucket = Math.max(0, Math.ceil(Math.log(Math.max(ms, smallestMs) / smallestMs) / growth));
    this.buckets.set(bucket, (this.buckets.get(bucket) ?? 0) + 1);
    this.largest = Math.max(this.largest, ms);
    this.count += 1;
  }

  /** In milliseconds; null when nothing was counted. @param share such as 0.95 */
  quantile(share: number): number | null {
    if (this.count === 0) return null;
    const rank = Math.ceil(share * this.count);
    let seen = 0;
    for (const [bucket, count] of [...this.buckets].sort(([a], [b]) => a - b)) {
      seen += count;
      if (seen >= rank)
        return round(Math.min(this.largest, smallestMs * Math.exp(bucket * growth)));
    }
    return round(this.largest);
  }

  get max(): number | null {
    return this.count === 0 ? null : round(this.largest);
  }
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
