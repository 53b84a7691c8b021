import { Histogram } from './histogram.js';

/** A request that did not end as it should, as the user saw it. */
export interface Failure {
  at: string;
  phase: string;
  /** Number of the client's connection, and of the request on it, from 1. */
  connection: number;
  requestOnConnection: number;
  request: string;
  /** null: no answer came. */
  status: number | null;
  error: string;
  release: string | null;
  instance: string | null;
  /**
   * A client may have sent it again by RFC 9110 §9.2.2: it was certainly not sent, or it is
   * idempotent and its connection ended before a byte of the answer came.
   */
  mayRepeat: boolean;
}

export interface Latency {
  p50: number | null;
  p95: number | null;
  p99: number | null;
  max: number | null;
}

export interface Counted extends Latency {
  requests: number;
  failures: number;
}

export interface PhaseReport extends Counted {
  seconds: number;
  /** Requests sent a second time, as RFC 9110 §9.2.2 allows; counted once in `requests`. */
  repeated: number;
  /** Those of the failures that no instance answered; the others were answered wrongly. */
  lost: number;
  /** By what the answers' headers say; `none` where no instance answered. */
  byRelease: Record<string, Counted>;
  byInstance: Record<string, Counted>;
}

export interface LoadReport extends PhaseReport {
  connections: number;
  /** Connections opened in all. */
  opened: number;
  phases: Record<string, PhaseReport>;
  failed: Failure[];
}

/** The name of what no instance answered. */
const noInstance = 'none';

class Counter {
  requests = 0;
  failures = 0;
  readonly latency = new Histogram();

  count(ms: number, failed: boolean): void {
    this.requests += 1;
    if (failed) this.failures += 1;
    this.latency.add(ms);
  }

  report(): Counted {
    const { latency } = this;
    return {
      requests: this.requests,
      failures: this.failures,
      p50: latency.quantile(0.5),
      p95: latency.quantile(0.95),
      p99: latency.quantile(0.99),
      max: latency.max,
    };
  }
}

/** Counts of one phase. */
export class Phase {
  private readonly all = new Counter();
  private readonly releases = new Map<string, Counter>();
  private readonly instances = new Map<string, Counter>();
  private readonly begun = performance.now();
  private ended: number | undefined;
  repeated = 0;

  count(ms: number, failed: boolean, release: string | null, instance: string | null): void {
    this.all.count(ms, failed);
    counterOf(this.releases, release).count(ms, failed);
    counterOf(this.instances, instance).count(ms, failed);
  }

  end(): void {
    this.ended ??= performance.now();
  }

  report(): PhaseReport {
    return {
      ...this.all.report(),
      seconds: Math.round((this.ended ?? performance.now()) - this.begun) / 1_000,
      repeated: this.repeated,
      lost: this.instances.get(noInstance)?.report().failures ?? 0,
      byRelease: reports(this.releases),
      byInstance: reports(this.instances),
    };
  }
}

function counterOf(counters: Map<string, Counter>, name: string | null): Counter {
  const key = name ?? noInstance;
  const counter = counters.get(key) ?? new Counter();
  counters.set(key, counter);
  return counter;
}

function reports(counters: Map<string, Counter>): Record<string, Counted> {
  return Object.fromEntries(
    [...counters]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, each]) => [name, each.report()]),
  );
}
