import type { RunView, StepView } from '../../../common/view.js';

export function step(id: string, change: Partial<StepView> = {}): StepView {
  return {
    id,
    title: `Title of ${id}`,
    kind: 'command',
    effect: 'change',
    state: 'pending',
    attempts: 0,
    startedAt: null,
    endedAt: null,
    output: null,
    error: null,
    ...change,
  };
}

export function view(change: Partial<RunView> = {}): RunView {
  return {
    id: 'orders-20260301-020000-ab12',
    firstRunId: '00000000-0000-0000-0000-000000000000',
    runbook: 'orders',
    runbookVersion: '1.0.0',
    title: 'Bring the orders back',
    type: 'INCIDENT_RESPONSE',
    priority: 'HIGH',
    targets: ['orders'],
    state: 'running',
    planDigest: `sha256:${'0'.repeat(64)}`,
    startedAt: '2026-03-01T02:00:00.000Z',
    endedAt: null,
    requester: 'alice',
    reason: 'nightly load is late',
    inputs: {},
    uiUrl: null,
    steps: [],
    waitingFor: [],
    decisions: [],
    outputs: {},
    problem: null,
    source: 'temporal',
    ...change,
  };
}
