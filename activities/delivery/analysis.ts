import { setTimeout as delay } from 'node:timers/promises';
import { failureTypes } from '../../common/failures.js';
import { compare, isLost, type Analysis, type Verdict } from '../../common/delivery/analysis.js';
import type { Json } from '../../language/json.js';
import type { AnalysisAction, AnalysisNumbers } from '../../language/kinds/delivery/analysis.js';
import { StepFailure } from '../failure.js';
import type { AttemptContext, Handler } from '../handler.js';
import { addressesIn, takeSnapshot, numbersBetween, type Snapshot } from './metrics/counters.js';
import type { Group, MetricsSource } from './metrics/readings.js';
import { declaredSource } from './metrics/source.js';
import { trafficOf } from './traffic/index.js';

const pollMs = 500;
/**
 * A declared source is polled ten times a window, or at this interval if that is shorter, in ms.
 */
const sourcePollMs = 5_000;

/** The handler that queries a source that is a database. */
interface Databases {
  sql: Handler<'sql'>;
}

/** The servers' numbers in the window so far. */
interface Measured {
  /** Input of the verdict: from the declared source where it has them, else as counted. */
  numbers: AnalysisNumbers;
  /** The proxy's counts; null without a proxy. They include failures of a dead server. */
  counted: AnalysisNumbers | null;
  /** Numbers that the source did not have, in words. */
  gaps: string[];
  warnings: string[];
}

/**
 * Measures how servers treat users in a window, from the counters of proxy and servers or from the
 * source that the target declares. What cannot be measured never passes.
 * @returns the analysis; or, as soon as it is seen, that the proxy lost its settings in a restart
 * @throws StepFailure Inconclusive when there is too little data, or somebody else has changed the
 *   weights
 */
export async function analysis(
  action: AnalysisAction,
  context: AttemptContext,
  { sql }: Databases,
): Promise<Json> {
  const measurement = await Measurement.begin(action, context, sql);
  const began = Date.now();
  const end = began + action.windowMs;
  const patience = end + (action.patienceMs ?? 0);
  for (;;) {
    await delay(Math.min(measurement.everyMs, Math.max(1, end - Date.now())), undefined, {
      signal: context.signal,
    }).catch(() => {
      throw context.signal.reason;
    });
    const found = await measurement.now();
    if ('forgotten' in found) return { ...found };
    const { candidate, baseline, verdict, isBeyondDoubt } = found;
    const { requests, errors, p95Ms } = candidate.numbers;
    context.progress({ requests, failed: errors, p95: p95Ms });
    const isOver = Date.now() >= end && (verdict.is !== 'inconclusive' || Date.now() >= patience);
    if (!isOver && !isBeyondDoubt) continue;
    if (verdict.is === 'inconclusive') {
      throw new StepFailure('Inconclusive', verdict.why, {
        next:
          'Look at it yourself: `retry` measures again, `skip` ' +
          'goes on with the release, `rollback` undoes it.',
        details: { requests, errors, p95Ms },
      });
    }
    const warnings = [...new Set([...candidate.warnings, ...(baseline?.warnings ?? [])])];
    const answer: Analysis = {
      candidate: candidate.numbers,
      baseline: baseline?.numbers ?? null,
      windowMs: Date.now() - began,
      verdict: verdict.is,
      why: [verdict.why, ...warnings].join('; '),
      ...(warnings.length > 0 ? { warnings } : {}),
    };
    return answer as unknown as Json;
  }
}

class Measurement {
  private constructor(
    private readonly action: AnalysisAction,
    private readonly context: AttemptContext,
    private readonly source: MetricsSource | undefined,
    /** undefined: there is no proxy. */
    private readonly snapshot: (() => Promise<Snapshot>) | undefined,
    private first: Snapshot | undefined,
    private readonly began: Date,
  ) {}

  static async begin(
    action: AnalysisAction,
    context: AttemptContext,
    sql: Handler<'sql'>,
  ): Promise<Measurement> {
    const target = context.targets.get(action.target);
    const source = declaredSource(target, context, sql);
    const isWhole = source !== undefined && source.provides.includes('requests');
    const hasProxy = target.facts['proxy'] !== undefined;
    const path = typeof target.facts['metrics'] === 'string' ? target.facts['metrics'] : '/metrics';
    const names = [...namesOf(action.candidate), ...namesOf(action.baseline)];
    if (isWhole && !hasProxy)
      return new Measurement(action, context, source, undefined, undefined, new Date());
    const proxy = trafficOf(target);
    const snapshot = (): Promise<Snapshot> =>
      takeSnapshot(proxy, { names, path, expected: action.expected }, context.signal);
    return new Measurement(action, context, source, snapshot, await snapshot(), new Date());
  }

  get everyMs(): number {
    return this.source
      ? Math.min(sourcePollMs, Math.max(pollMs, this.action.windowMs / 10))
      : pollMs;
  }

  async now() {
    const { action } = this;
    const now = await this.snapshot?.();
    if (now?.forgotten) return now.forgotten;
    // The proxy was restarted, or reset its counters: start over.
    if (now && this.first && now.epoch !== this.first.epoch) this.first = now;
    const [candidate, lately] = await Promise.all([
      this.measured(namesOf(action.candidate), action.versions?.candidate, now),
      action.baseline === undefined
        ? null
        : this.measured(namesOf(action.baseline), action.versions?.baseline, now),
    ]);
    const baseline = this.against(lately);
    const verdict = this.verdictOn(candidate, baseline);
    const { limits } = action;
    const isBeyondDoubt =
      isLost(candidate.numbers, baseline?.numbers ?? null, limits) ||
      (candidate.counted !== null && isLost(candidate.counted, baseline?.counted ?? null, limits));
    return { candidate, baseline, verdict, isBeyondDoubt };
  }

  /**
   * The baseline's current numbers if they are enough, else those of before; a missing p95 is taken
   * from before.
   */
  private against(lately: Measured | null): Measured | null {
    const before = this.action.before ?? null;
    const enough = (numbers: AnalysisNumbers | null): boolean =>
      (numbers?.requests ?? 0) >= this.action.limits.minRequests;
    if (!before) return lately;
    if (!lately) return { numbers: before, counted: before, gaps: [], warnings: [] };
    const numbers = enough(lately.numbers)
      ? { ...lately.numbers, p95Ms: lately.numbers.p95Ms ?? before.p95Ms }
      : before;
    return { ...lately, numbers, counted: enough(lately.counted) ? lately.counted : before };
  }

  private verdictOn(candidate: Measured, baseline: Measured | null): Verdict {
    const { limits } = this.action;
    const gaps = [...candidate.gaps];
    const hasTimes = candidate.numbers.p95Ms !== null && baseline !== null;
    if (this.source && hasTimes && baseline.numbers.p95Ms === null) gaps.push(...baseline.gaps);
    const verdict = compare(candidate.numbers, baseline?.numbers ?? null, limits, gaps);
    if (verdict.is === 'fail' || candidate.counted === null) return verdict;
    const counted = compare(candidate.counted, baseline?.counted ?? null, {
      ...limits,
      latency: Infinity,
    });
    return counted.is === 'fail'
      ? { is: 'fail', why: `the proxy counts: ${counted.why}` }
      : verdict;
  }

  private async measured(
    servers: readonly string[],
    version: string | undefined,
    now: Snapshot | undefined,
  ): Promise<Measured> {
    const { source, first } = this;
    const counted = first && now ? numbersBetween(first, now, servers) : null;
    const numbers: AnalysisNumbers = counted ?? {
      requests: 0,
      errors: 0,
      p95Ms: null,
      memoryBytes: null,
    };
    if (!source) return { numbers, counted: null, gaps: [], warnings: [] };
    const group: Group = { servers, version, addresses: now ? addressesIn(now, servers) : [] };
    try {
      const { readings, warnings } = await source.read(
        group,
        { from: this.began, until: new Date() },
        this.context.signal,
      );
      const missing = Object.entries(readings).flatMap(([name, value]) =>
        value === null ? [inWords[name as keyof AnalysisNumbers]] : [],
      );
      return {
        numbers: {
          ...numbers,
          ...readings,
          requests: readings.requests ?? numbers.requests,
          errors: readings.errors ?? numbers.errors,
        },
        counted,
        gaps:
          missing.length === 0
            ? []
            : [`${source.name} has no data on ${missing.join(', ')} of ${servers.join(', ')}`],
        warnings: warnings.map((warning) => `${source.name} warns: ${warning}`),
      };
    } catch (error) {
      // A transient failure may pass before the window is over; a permanent one never does.
      if (!(error instanceof StepFailure) || failureTypes[error.type] === 'permanent') throw error;
      return { numbers, counted, gaps: [error.message], warnings: [] };
    }
  }
}

const inWords: Record<keyof AnalysisNumbers, string> = {
  requests: 'requests',
  errors: 'errors',
  p95Ms: 'p95',
  memoryBytes: 'memory',
};

function namesOf(servers: string | readonly string[] | undefined): readonly string[] {
  return servers === undefined ? [] : typeof servers === 'string' ? [servers] : servers;
}
