import type { StartEnvelope, Verdict } from '../../common/envelope.js';
import { initialView } from '../../common/initial-view.js';
import type { RunKey } from '../../common/keys.js';
import type { RunView, WaitView } from '../../common/view.js';
import type { Plan } from '../../language/plan.js';
import type { AttemptStart } from '../../store/index.js';

export const startedAt = '2026-03-01T02:00:00.000Z';
export const digest = `sha256:${'ab'.repeat(32)}`;

export function keyOf(run: string, firstRunId = 'first'): RunKey {
  return { run, firstRunId };
}

export function planOf(): Plan {
  return {
    version: 1,
    runbook: {
      id: 'pipeline-recovery',
      version: '1.2.0',
      title: 'Recover a pipeline',
      type: 'INCIDENT_RESPONSE',
      priority: 'HIGH',
    },
    inputs: { pipeline: 'orders', tolerance: 0, zebra: 1, apple: 2 },
    targets: [
      {
        name: 'orders',
        kind: 'pipeline',
        environment: 'production',
        isolated: false,
        addresses: ['http http://127.0.0.1:1'],
        facts: {},
        digest,
      },
    ],
    steps: [
      { id: 'identify', title: 'Identify the failed stage', kind: 'http', effect: 'read' },
      { id: 'approve', title: 'Approve the recovery', kind: 'approval', effect: 'read' },
      {
        id: 'quarantine',
        title: 'Quarantine what is corrupt',
        kind: 'sql',
        effect: 'change',
        undo: 'puts the rows back',
      },
      {
        id: 'restart',
        title: 'Restart from the checkpoint',
        kind: 'http',
        effect: 'change',
        undo: 'stops the job',
      },
    ],
    procedure: digest,
    digest,
  };
}

export function envelopeOf(run: string): StartEnvelope {
  return {
    version: 1,
    id: `start-${run}`,
    run,
    by: 'alice',
    reason: 'orders are late',
    verb: 'start',
    runbook: 'pipeline-recovery',
    inputs: {},
  };
}

export function admission(
  key: RunKey,
  over: Partial<RunView> = {},
): { key: RunKey; view: RunView; plan: Plan; envelope: StartEnvelope } {
  const plan = planOf();
  const envelope = envelopeOf(key.run);
  return {
    key,
    plan,
    envelope,
    view: { ...initialView(key, envelope, plan, startedAt, null), ...over },
  };
}

export function attemptOf(
  key: RunKey,
  step: string,
  temporalAttempt = 1,
  worker = 'host-a:1',
): AttemptStart {
  return {
    key,
    step,
    title: `Title of ${step}`,
    kind: 'sql',
    effect: 'change',
    host: 'host-a',
    worker,
    temporalAttempt,
  };
}

export function waitOf(attempt = 1): WaitView {
  return {
    kind: 'approval',
    id: 'approve',
    title: 'Approve the recovery',
    since: `2026-03-01T02:0${attempt}:00.000Z`,
    deadline: null,
    who: 'an operator other than the requester',
    deciders: 'anyone',
    verbs: ['approve', 'reject'],
    attempt,
    digest,
    evidence: { stage: 'transform', verdict: 'corrupt', checkpoint: 7 },
    command: `runbook approve run-1 approve --digest ${digest}`,
  };
}

/** The view as the run has it while it waits at its gate. */
export function waitingView(key: RunKey, attempt = 1): RunView {
  const { view } = admission(key);
  return {
    ...view,
    state: 'waiting',
    waitingFor: [waitOf(attempt)],
    steps: view.steps.map((step) =>
      step.id === 'identify'
        ? {
            ...step,
            state: 'succeeded',
            attempts: 1,
            startedAt,
            endedAt: '2026-03-01T02:00:02.000Z',
            output: { stage: 'transform' },
          }
        : step.id === 'approve'
          ? { ...step, state: 'waiting', attempts: attempt, startedAt: waitOf(attempt).since }
          : step,
    ),
  };
}

export function endedView(
  key: RunKey,
  state: RunView['state'] = 'succeeded',
  endedAt = '2026-03-01T03:00:00.000Z',
): RunView {
  const view = waitingView(key);
  return {
    ...view,
    state,
    endedAt,
    waitingFor: [],
    outputs: { rows: 231_083 },
    steps: view.steps.map((step) => ({
      ...step,
      state: 'succeeded',
      attempts: Math.max(1, step.attempts),
      endedAt: step.endedAt ?? endedAt,
    })),
  };
}

/** An end at which both changes were made, and nothing was taken back. */
export function leavingView(key: RunKey, endedAt?: string): RunView {
  const view = endedView(key, 'failed', endedAt);
  return { ...view, steps: view.steps.map((step) => ({ ...step, startedAt })) };
}

export function decisionOf(
  run: string,
  over: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    version: 1,
    id: 'd-1',
    run,
    verb: 'approve',
    about: { kind: 'gate', id: 'approve' },
    attempt: 1,
    digest,
    by: 'bob',
    reason: 'looks right',
    ...over,
  };
}

export function verdictOf(decision: string, over: Partial<Verdict> = {}): Verdict {
  return {
    decision,
    accepted: true,
    code: 'accepted',
    message: 'Gate approve is approved.',
    at: '2026-03-01T02:30:00.000Z',
    ...over,
  };
}
