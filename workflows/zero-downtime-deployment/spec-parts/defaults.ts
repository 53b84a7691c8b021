import type { StepSpec } from '../../../language/runbook.js';

export const quick = { attempts: 3, initialMs: 500, factor: 2, maxMs: 5_000 };
export const read = {
  effect: 'read',
  onFailure: 'abort',
  retry: quick,
  timeoutMs: 30_000,
} as const;
/**
 * A failure rolls back all changes without asking, so that a deployment is safe to leave alone.
 */
export const change = { effect: 'change', onFailure: 'rollback', retry: quick } as const;

/** Retries long enough for a proxy that restarts. */
export const proxyUp = { attempts: 8, initialMs: 500, factor: 2, maxMs: 5_000 };

export const weight: StepSpec = {
  ...change,
  id: 'weight',
  title: 'Set the share of the new version',
  kind: 'traffic',
  retry: proxyUp,
  undo: 'Give all traffic back to the old version',
};

export const measure: StepSpec = {
  id: 'measure',
  title: 'Measure errors, p95 and memory against the running version',
  kind: 'analysis',
  effect: 'read',
  onFailure: 'ask',
  retry: proxyUp,
  // The action decides how long it measures.
  timeoutMs: 3_600_000,
};

/**
 * One server after the other in its place: what `roll`
 * (workflows/zero-downtime-deployment/rolling.ts) does, in any runbook.
 */
export const rollSteps: StepSpec[] = [
  { ...measure, id: 'baseline', title: 'Measure the running version' },
  {
    ...read,
    id: 'others',
    title: 'See at the proxy that the others carry the users',
    kind: 'traffic',
    onFailure: 'ask',
  },
  {
    ...change,
    id: 'leave',
    title: 'Give it no new requests',
    kind: 'traffic',
    undo: 'Give it its share back',
  },
  {
    ...change,
    id: 'drain',
    title: 'Let its requests end',
    kind: 'traffic',
    timeoutMs: 300_000,
    undo: 'Wait until the old version is ready',
  },
  {
    ...change,
    id: 'stop',
    title: 'Stop the old version',
    kind: 'command',
    timeoutMs: 120_000,
    undo: 'Start the old version',
  },
  {
    ...change,
    id: 'start',
    title: 'Start the new version in its place',
    kind: 'command',
    timeoutMs: 120_000,
    retry: { attempts: 2, initialMs: 1_000 },
    undo: 'Stop the new version',
  },
  {
    ...read,
    id: 'ready',
    title: 'Wait until it is healthy and ready',
    kind: 'check',
    onFailure: 'rollback',
  },
  { ...read, id: 'version', title: 'Ask for its version', kind: 'command', onFailure: 'rollback' },
  {
    ...read,
    id: 'smoke',
    title: 'Use its main end points, and check what they answer',
    kind: 'command',
    onFailure: 'rollback',
    timeoutMs: 60_000,
  },
  {
    ...change,
    id: 'return',
    title: 'Give it its share',
    kind: 'traffic',
    timeoutMs: 120_000,
    undo: 'Let its requests end, and give it no new ones',
  },
  measure,
  { id: 'judge', title: 'Judge the new version', kind: 'decide', effect: 'read' },
];
/** A change by somebody else is never overwritten: people decide about it. */
export const undisturbed = {
  effect: 'read',
  onFailure: 'ask',
  retry: quick,
  timeoutMs: 60_000,
} as const;
export const accept: StepSpec = {
  ...read,
  id: 'accept',
  title: 'Take the Deployment as somebody else has left it',
  kind: 'rollout',
};
