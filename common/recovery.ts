import type { Plan } from '../language/plan.js';
import type { Objective, StepSpec } from '../language/runbook.js';
import {
  recoveryClocks,
  type ReachedView,
  type RecoveryClock,
  type RecoveryView,
  type RunView,
} from './view.js';
import { namesOf, withoutTime } from '../language/paths.js';

/** The measured times of a recovery; ISO times. */
export interface RecoveryFacts {
  failedAt: string;
  /** Time of the newest accepted change that was recovered. */
  recoveredTo: string;
  /** When the system was first seen healthy again. */
  healthyAt: string;
  /** For services that recovered at different times. */
  services?: Record<string, { healthyAt: string; recoveredTo: string }>;
}

/** Compares a recovery with the plan's objectives. */
export function judgeRecovery(
  facts: RecoveryFacts,
  { objectives, steps }: Plan,
  view: RunView,
): RecoveryView {
  const from = Date.parse(facts.failedAt);
  const reached = (
    at: { healthyAt: string; recoveredTo: string },
    objective: Objective | undefined,
  ): ReachedView => {
    const rtoMs = Math.max(0, Date.parse(at.healthyAt) - from);
    const rpoMs = Math.max(0, from - Date.parse(at.recoveredTo));
    if (!objective) return { rtoMs, rpoMs, objective: null, met: null };
    const { rtoMinutes, rpoMinutes } = objective;
    return {
      rtoMs,
      rpoMs,
      objective: { rtoMinutes, rpoMinutes },
      met: rtoMs <= rtoMinutes * 60_000 && rpoMs <= rpoMinutes * 60_000,
    };
  };
  const services = Object.entries(facts.services ?? {}).map(
    ([name, at]) => [name, reached(at, objectives?.services?.[name])] as const,
  );
  const unmeasured = Object.entries(objectives?.services ?? {}).filter(
    ([name]) => !(name in (facts.services ?? {})),
  );
  const { failedAt, recoveredTo, healthyAt } = facts;
  return {
    failedAt,
    recoveredTo,
    healthyAt,
    ...reached(facts, objectives),
    services: Object.fromEntries(services),
    ...(unmeasured.length > 0 ? { unmeasured: Object.fromEntries(unmeasured) } : {}),
    spent: whereTimeWent(view, steps, { from, to: Math.max(from, Date.parse(healthyAt)) }),
  };
}

interface Stretch {
  from: number;
  to: number;
  clock: RecoveryClock;
}

/** Which clock counts when several run at once, the first before the others. */
const precedence: readonly RecoveryClock[] = ['approve', 'decide', 'verify', 'execute', 'detect'];

/**
 * Divides the time between failure and health among clocks. Time before the run began counts as
 * `detect`; then each moment counts for the steps that ran, and for `execute` where none did.
 */
function whereTimeWent(
  view: RunView,
  specs: readonly StepSpec[],
  { from, to }: { from: number; to: number },
): Record<RecoveryClock, number> {
  const began = Math.min(to, Math.max(from, Date.parse(view.startedAt)));
  const stretches: Stretch[] = view.steps.flatMap((row) => {
    if (row.startedAt === null) return [];
    const clock =
      row.kind === 'approval' ? 'approve' : (clockOf(specs, namesOf(row.id)) ?? 'execute');
    return [
      {
        from: Date.parse(row.startedAt),
        to: row.endedAt === null ? to : Date.parse(row.endedAt),
        clock,
      },
    ];
  });
  stretches.push({ from, to: began, clock: 'detect' }, { from: began, to, clock: 'execute' });
  const inside = stretches
    .map((each) => ({ ...each, from: Math.max(from, each.from), to: Math.min(to, each.to) }))
    .filter((each) => each.to > each.from);
  const borders = [...new Set(inside.flatMap((each) => [each.from, each.to]))].sort(
    (a, b) => a - b,
  );
  const spent = Object.fromEntries(recoveryClocks.map((clock) => [clock, 0])) as Record<
    RecoveryClock,
    number
  >;
  borders.slice(1).forEach((end, index) => {
    const start = borders[index] as number;
    const under = inside.filter((each) => each.from <= start && each.to >= end);
    const clock = precedence.find((each) => under.some((stretch) => stretch.clock === each));
    if (clock) spent[clock] += end - start;
  });
  return spent;
}

/**
 * The clock that the nearest declaration around a step names. A step done again is called `name.2`.
 */
function clockOf(
  specs: readonly StepSpec[],
  [name = '', ...rest]: string[],
): RecoveryClock | undefined {
  const spec = specs.find(({ id }) => id === withoutTime(name));
  if (!spec) return undefined;
  return (rest.length > 0 ? clockOf(spec.steps ?? [], rest) : undefined) ?? spec.clock;
}
