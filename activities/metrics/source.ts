import type { AnalysisNumbers } from '../../language/runbook.js';
import type { TargetDeclaration } from '../../language/targets-file.js';
import { StepFailure } from '../failure.js';
import type { AttemptContext, Handler } from '../handler.js';
import { prometheusSource } from './prometheus-api.js';
import { sqlSource } from './sql.js';

/** Servers that are measured as one. */
export interface Group {
  /** Their names in the pool. */
  servers: readonly string[];
  /** `host:port` of those that run; empty where no proxy tells. */
  addresses: readonly string[];
  /** The version that they run, where the step says it. */
  version: string | undefined;
}

/** What is asked about. */
export interface Span {
  from: Date;
  until: Date;
}

/**
 * What a source knows of a group; null: it has no data. Numbers that it was not asked for are not
 * there.
 */
export type Told = Partial<Record<keyof AnalysisNumbers, number | null>>;

export interface Answer {
  told: Told;
  /** What the source itself says of its answer, such as that it is not whole. */
  warnings: string[];
}

/** Where a target's numbers are kept, besides the proxy and the servers themselves. */
export interface MetricsSource {
  /** In words, with its address. */
  name: string;
  /** The numbers that it is asked for. */
  tells: readonly (keyof AnalysisNumbers)[];
  /**
   * @throws StepFailure transient while it cannot be asked, permanent when it is asked the wrong
   *   thing
   */
  read(group: Group, span: Span, signal: AbortSignal): Promise<Answer>;
}

/**
 * The source that a target declares in its facts; undefined when it declares none.
 * @throws StepFailure Configuration
 */
export function declaredSource(
  target: TargetDeclaration,
  context: AttemptContext,
  sql: Handler<'sql'>,
): MetricsSource | undefined {
  const { prometheus, metrics_sql: log } = target.facts;
  if (prometheus !== undefined && log !== undefined) {
    throw new StepFailure(
      'Configuration',
      `target ${target.name} declares both prometheus and metrics_sql`,
      {
        next: 'Leave one of them in its facts: a release is judged by one source.',
      },
    );
  }
  if (prometheus !== undefined) return prometheusSource(target, context);
  return log === undefined ? undefined : sqlSource(target, context, sql);
}
