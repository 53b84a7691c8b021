import type { AnalysisNumbers } from '../../../language/kinds/delivery/analysis.js';

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
