import type { RunbookSpec, StepSpec } from '../language/runbook.js';

const common = {
  version: '1.0.0',
  summary: 'Measures the engine.',
  type: 'TROUBLESHOOTING',
  priority: 'LOW',
  tags: [],
  owners: [],
  expectedMinutes: 1,
  prerequisites: [],
  verification: '',
  rollback: '',
  inputs: {},
} as const;

/** The process that every step of every contestant runs: it does nothing. */
export const program = '/usr/bin/true';

/**
 * A plan as data with that many different steps, one after the other, each the same process with an
 * effect.
 */
export function stepsSpec(count: number): RunbookSpec {
  const steps = Array.from({ length: count }, (_, index): StepSpec => ({
    id: `step-${String(index + 1).padStart(4, '0')}`,
    title: `Run a process that does nothing, number ${index + 1}`,
    kind: 'command',
    effect: 'change',
    work: { action: { kind: 'command', argv: [program] } },
  }));
  return {
    ...common,
    id: stepsRunbook(count),
    title: `${count} processes in a row`,
    data: true,
    steps,
  };
}

/** The id of that runbook. */
export function stepsRunbook(count: number): string {
  return `bench-steps-${count}`;
}

export const gateSpec: RunbookSpec = {
  ...common,
  id: 'bench-gate',
  title: 'From a decision to the next step',
  data: true,
  steps: [
    {
      id: 'gate',
      title: 'Wait for a decision',
      kind: 'approval',
      effect: 'read',
      approvers: 'anyone',
    },
    {
      id: 'after',
      title: 'The step behind the gate',
      kind: 'command',
      effect: 'change',
      work: { action: { kind: 'command', argv: [program] } },
    },
  ],
};
