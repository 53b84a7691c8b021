import type { JsonObject } from '../language/json.js';
import type { Plan } from '../language/plan.js';
import { rulesOf } from '../language/kinds/index.js';
import type { StepSpec } from '../language/runbook.js';
import type { StartEnvelope } from './envelope.js';
import { utc } from './times.js';

/** A target that a run needs and another run holds. */
export interface HeldTarget {
  target: string;
  /** Workflow id of the run that has it. */
  run: string;
  runbook: string;
  requester: string;
  /** ISO time since when it holds the target or, when `inLine`, waits for it. */
  since: string;
  /** Counts the holders that the target has had. */
  fence: number;
  /** True when nobody holds the target, but that run came first and is about to take it. */
  inLine: boolean;
}

const waitPrefix = 'target:';

/** The id of a wait for a target; no step can have the same. */
export function leaseWaitId(target: string | undefined): string {
  return `${waitPrefix}${target}`;
}

/** Whether it is a wait for a target that another run holds. */
export function isLeaseWait(id: string): boolean {
  return id.startsWith(waitPrefix);
}

/** Targets of this kind get messages, and are never changed. */
export const untouched = 'webhook';

/** Whether a step changes the target it acts on; a message to people does not. */
export function changesTarget({ kind, effect }: Pick<StepSpec, 'kind' | 'effect'>): boolean {
  return effect !== 'read' && !rulesOf(kind).changesNothing;
}

/** The targets that a run of this plan must hold while it runs, sorted; none when it only reads. */
export function leasedTargets({
  steps,
  targets,
  drill,
}: Pick<Plan, 'steps' | 'targets' | 'drill'>): string[] {
  const changes = (step: StepSpec): boolean =>
    step.steps ? step.steps.some(changes) : changesTarget(step);
  if (!steps.some(changes)) return [];
  // A drill only reads targets that are not isolated.
  const changed = targets.filter(
    ({ kind, isolated, observed }) => kind !== untouched && !observed && (isolated || !drill),
  );
  return [...new Set(changed.map(({ name }) => name))].sort();
}

/**
 * Whether the run ends instead of waiting when another run holds its targets: by the start, else by
 * its input `on_busy`.
 */
export function refusesWhenHeld(
  { whenHeld }: Pick<StartEnvelope, 'whenHeld'>,
  inputs: JsonObject,
): boolean {
  return (whenHeld ?? inputs['on_busy']) === 'refuse';
}

/** Who holds a target and since when, as the end of a sentence. */
export function heldText({ target, run, runbook, requester, since, inLine }: HeldTarget): string {
  const how = inLine ? 'is free, and run' : 'is held by run';
  return (
    `target ${target} ${how} ${run} (${runbook}, started by ` +
    `${requester})${inLine ? ' has waited for it' : ''} since ${utc(since)}`
  );
}
