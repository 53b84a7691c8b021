import { setTimeout as delay } from 'node:timers/promises';
import { failureTypes } from '../common/failures.js';
import { compare, isLost, type Analysis, type Verdict } from '../common/analysis.js';
import type { Json } from '../language/json.js';
import type { AnalysisAction, AnalysisNumbers } from '../language/runbook.js';
import { StepFailure } from './failure.js';
import type { AttemptContext, Handler } from './handler.js';
import { addressesIn, lookAt, numbersBetween, type Look } from './metrics/counters.js';
import { declaredSource, type Group, type MetricsSource } from './metrics/source.js';
import { trafficOf } from './traffic/index.js';

const pollMs = 500;
/**
 * A source of its own is asked ten times a window, and no less often than this, in milliseconds.
 */
const sourcePollMs = 5_000;

/** How a source that is a database is asked. */
interface Databases {
  sql: Handler<'sql'>;
}

/** What is known of the servers in the window so far. */
interface Measured {
  /** What the verdict is made of: what the declared source tells, the rest as counted. */
  numbers: AnalysisNumbers;
  /** What the proxy counted, where there is one: it also counts what a dead server does not. */
  counted: AnalysisNumbers | null;
  /** What the source could not say, in words. */
  gaps: string[];
  warnings: string[];
}

/**
 * Measures what servers do to users in a window: as the proxy and the servers count, or as the
 * source that the target declares tells. What cannot be measured never passes.
 * @returns what was found; or that the proxy has forgotten what it was told, as soon as that is
 *   seen
 * @throws StepFailure Inconclusive when there is not enough to go by, or somebody else has changed
 *   the weights
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
        next: 'Look at it yourself: `retry` measures again, `skip` goes on with the release, `rollback` takes it back.',
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
    private readonly look: (() => Promise<Look>) | undefined,
    private first: Look | undefined,
    private readonly began: Date,
  ) {}

  static async begin(
    action: AnalysisAction,
    context: AttemptContext,
    sql: Handler<'sql'>,
  ): Promise<Measurement> {
    const target = context.targets.get(action.target);
    const source = declaredSource(target, context, sql);
    const isWhole = source !== undefined && source.tells.includes('requests');
    const hasProxy = target.facts['proxy'] !== undefined;
    const path = typeof target.facts['metrics'] === 'string' ? target.facts['metrics'] : '/metrics';
    const names = [...namesOf(action.candidate), ...namesOf(action.baseline)];
    if (isWhole && !hasProxy)
      return new Measurement(action, context, source, undefined, undefined, new Date());
    const proxy = trafficOf(target);
    const look = (): Promise<Look> =>
      lookAt(proxy, { names, path, expected: action.expected }, context.signal);
    return new Measurement(action, context, source, look, await look(), new Date());
  }

  get everyMs(): number {
    return this.source
      ? Math.min(sourcePollMs, Math.max(pollMs, this.action.windowMs / 10))
      : pollMs;
  }

  async now() {
    const { action } = this;
    const now = await this.look?.();
    if (now?.forgotten) return now.forgotten;
    // The proxy was restarted, or began to count anew: so do we.
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
   * What the baseline does now where that says something, else what it did before; and where it
   * misses times, those of before.
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
    now: Look | undefined,
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
      const { told, warnings } = await source.read(
        group,
        { from: this.began, until: new Date() },
        this.context.signal,
      );
      const missing = Object.entries(told).flatMap(([name, value]) =>
        value === null ? [inWords[name as keyof AnalysisNumbers]] : [],
      );
      return {
        numbers: {
          ...numbers,
          ...told,
          requests: told.requests ?? numbers.requests,
          errors: told.errors ?? numbers.errors,
        },
        counted,
        gaps:
          missing.length === 0
            ? []
            : [`${source.name} has no data on ${missing.join(', ')} of ${servers.join(', ')}`],
        warnings: warnings.map((warning) => `${source.name} warns: ${warning}`),
      };
    } catch (error) {
      // It may come back before the window is over; one that is asked the wrong thing never
      // answers.
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
