import type { RecoveryFacts } from '../../common/recovery.js';
import type { JsonObject } from '../../language/json.js';
import type { Run } from '../engine/surface.js';
import type { Restored } from '../../common/answers.js';
import type { Forecast } from './findings.js';

export interface RecoveryMeasurements {
  facts: RecoveryFacts;
  outputs: JsonObject;
}

interface Course {
  promised: Forecast;
  restored: Restored;
  /** What the old site answered after it was drained; null when it was not asked. */
  drained: { lastCommit: string | null } | null;
}

/**
 * How long the system was down, and what was lost: computed from the times of the steps, so that
 * the result never varies. A drill counts from its own start, as if the system had failed then, and
 * loses what was not archived when it checked.
 */
export function measureRecovery(
  run: Run,
  { promised, restored, drained }: Course,
): RecoveryMeasurements {
  const { view } = run;
  const at = (path: string, which: 'startedAt' | 'endedAt' = 'endedAt'): string | undefined =>
    view.steps.find(({ id }) => id === path)?.[which] ?? undefined;
  const drill = run.plan.drill === true;
  const failedAt = drill
    ? view.startedAt
    : ((drained && at('fence/drain', 'startedAt')) ?? promised.failedAt);
  const last = restored.lastCommit ?? promised.reachable;
  const isWhole =
    drained !== null &&
    (drained.lastCommit === null || Date.parse(last) >= Date.parse(drained.lastCommit));
  const asIf = (): string => new Date(Date.parse(failedAt) - promised.rpoMs).toISOString();
  const recoveredTo = drill ? asIf() : isWhole ? failedAt : last;
  const proved = at('verify') ?? view.startedAt;
  const healthyAt = drill ? proved : (at('switch/arrived') ?? proved);
  const facts: RecoveryFacts = {
    failedAt,
    recoveredTo,
    healthyAt,
    services: {
      api: { healthyAt: drill ? (at('tiers/api') ?? proved) : healthyAt, recoveredTo },
      database: { healthyAt: at('tiers/promote') ?? proved, recoveredTo },
    },
  };
  return {
    facts,
    outputs: {
      backup: restored.backup,
      failedAt,
      recoveredTo,
      healthyAt,
      cannotBeHad: promised.problems.join('; ') || null,
    },
  };
}
