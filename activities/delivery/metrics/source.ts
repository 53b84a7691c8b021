import type { AnalysisNumbers } from '../../../language/kinds/delivery/analysis.js';
import type { TargetDeclaration } from '../../../language/targets-file.js';
import { StepFailure } from '../../failure.js';
import type { AttemptContext, Handler } from '../../handler.js';
import { prometheusSource } from './prometheus-api.js';
import { sqlSource } from './sql.js';

/** Servers that are measured as one. */
export interface Group {
  /** Their names in the pool. */
  servers: readonly string[];
  /** `host:port` of those that run; empty where no proxy reports them. */
  addresses: readonly string[];
  /** The version that they run, if the step names it. */
  version: string | undefined;
}

/** The window that is measured. */
export interface Span {
  from: Date;
  until: Date;
}

/** A source's numbers about a group; null: it has no data; absent: it was not asked. */
export type Readings = Partial<Record<keyof AnalysisNumbers, number | null>>;

export interface Answer {
  readings: Readings;
  /** Warnings of the source about its answer, such as that it is incomplete. */
  warnings: string[];
}

/** An external source of a target's numbers, besides the proxy and the servers themselves. */
export interface MetricsSource {
  /** In words, with its address. */
  name: string;
  /** The numbers that it can provide. */
  provides: readonly (keyof AnalysisNumbers)[];
  /** @throws StepFailure transient while it is unreachable, permanent when the query is wrong */
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
