import type { RunbookSpec } from '../language/runbook.js';

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
} as const;

export const benchStepsSpec: RunbookSpec = {
  ...common,
  id: 'bench-steps',
  title: 'The same process again and again',
  inputs: { count: { type: 'integer', default: 200, description: 'How often' } },
  steps: [{ id: 'work', title: 'Run a process that does nothing', kind: 'command', effect: 'change' }],
};

export const benchGateSpec: RunbookSpec = {
  ...common,
  id: 'bench-gate',
  title: 'From a decision to the next step',
  inputs: {},
  steps: [
    { id: 'gate', title: 'Wait for a decision', kind: 'approval', effect: 'read', approvers: 'anyone' },
    { id: 'after', title: 'The step behind the gate', kind: 'command', effect: 'change' },
  ],
};
