import type { Release } from './release.js';

/**
 * Upper bounds in seconds: fine where this service answers, so that a p95 read off them is worth
 * something.
 */
const bounds = [
  0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1,
  2.5, 5,
];

/** What this process counts, in Prometheus' text format. */
export class Metrics {
  private readonly requests = new Map<number, number>();
  private readonly buckets = new Array<number>(bounds.length + 1).fill(0);
  private seconds = 0;
  inFlight = 0;

  constructor(
    private readonly release: Release,
    private readonly instance: string,
  ) {}

  /** Counts a request of the business, not one for health or metrics. */
  count(status: number, seconds: number): void {
    this.requests.set(status, (this.requests.get(status) ?? 0) + 1);
    this.seconds += seconds;
    const bucket = bounds.findIndex((bound) => seconds <= bound);
    const index = bucket < 0 ? bounds.length : bucket;
    this.buckets[index] = (this.buckets[index] ?? 0) + 1;
  }

  text(): string {
    const labels = `release="${this.release.version}",instance="${this.instance}"`;
    const lines = ['# TYPE http_requests_total counter'];
    for (const [status, count] of [...this.requests].sort(([a], [b]) => a - b))
      lines.push(`http_requests_total{${labels},status="${status}"} ${count}`);
    lines.push('# TYPE http_request_duration_seconds histogram');
    let cumulative = 0;
    [...bounds, Infinity].forEach((bound, index) => {
      cumulative += this.buckets[index] ?? 0;
      const most = bound === Infinity ? '+Inf' : bound;
      lines.push(`http_request_duration_seconds_bucket{${labels},le="${most}"} ${cumulative}`);
    });
    lines.push(
      `http_request_duration_seconds_sum{${labels}} ${this.seconds}`,
      `http_request_duration_seconds_count{${labels}} ${cumulative}`,
      '# TYPE http_requests_in_flight gauge',
      `http_requests_in_flight{${labels}} ${this.inFlight}`,
      '# TYPE process_resident_memory_bytes gauge',
      `process_resident_memory_bytes{${labels}} ${process.memoryUsage.rss()}`,
    );
    return `${lines.join('\n')}\n`;
  }
}
