import type { Plan } from '../language/plan.js';
import type { StepSpec } from '../language/runbook.js';
import type { StartEnvelope } from './envelope.js';
import type { RunKey } from './keys.js';
import type { RunView, StepView } from './view.js';

/**
 * The view of a run right after admission: every declared step is pending. Workflow and record both
 * build it with this.
 */
export function initialView(
  key: RunKey,
  envelope: StartEnvelope,
  plan: Plan,
  startedAt: string,
  uiUrl: string | null,
): RunView {
  return {
    id: key.run,
    firstRunId: key.firstRunId,
    runbook: plan.runbook.id,
    runbookVersion: plan.runbook.version,
    title: plan.runbook.title,
    type: plan.runbook.type,
    priority: plan.runbook.priority,
    targets: plan.targets.map((target) => target.name),
    state: 'running',
    planDigest: plan.digest,
    startedAt,
    endedAt: null,
    requester: envelope.by,
    ...(envelope.sender ? { sender: envelope.sender } : {}),
    ...(plan.drill ? { drill: true as const } : {}),
    reason: envelope.reason,
    inputs: plan.inputs,
    uiUrl,
    steps: plan.steps.map((step) => pendingStep(step.id, step)),
    waitingFor: [],
    decisions: [],
    outputs: {},
    problem: null,
    source: 'temporal',
  };
}

/** A step that has not begun. */
export function pendingStep(path: string, spec: StepSpec): StepView {
  return {
    id: path,
    title: spec.title,
    kind: spec.kind,
    effect: spec.effect,
    state: 'pending',
    attempts: 0,
    startedAt: null,
    endedAt: null,
    output: null,
    error: null,
    ...(spec.undo === undefined ? {} : { undo: spec.undo }),
    ...(spec.noUndo === undefined ? {} : { noUndo: spec.noUndo }),
  };
}
