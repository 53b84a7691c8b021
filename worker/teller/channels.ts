/** Where channels can be named, the most specific first. */
export interface ChannelLevels {
  /** By who started the run. */
  run?: readonly string[] | null | undefined;
  /** By the runbook. */
  runbook?: readonly string[] | undefined;
  /** By each target that the run acts on. */
  targets: readonly (readonly string[] | undefined)[];
  /** By the worker's settings. */
  worker: readonly string[];
}

/**
 * The channels that are told of a run: those of the most specific level that names any. What a
 * level names replaces what lies below it; several targets are one level.
 */
export function channelsFor({ run, runbook, targets, worker }: ChannelLevels): string[] {
  const levels = [run ?? [], runbook ?? [], targets.flatMap((names) => names ?? []), worker];
  return [...new Set(levels.find((names) => names.length > 0) ?? [])];
}
