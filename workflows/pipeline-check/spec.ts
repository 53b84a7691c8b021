import type { RunbookSpec, StepSpec } from '../../language/runbook.js';

const read = {
  effect: 'read',
  onFailure: 'abort',
  retry: { attempts: 2, initialMs: 500 },
  timeoutMs: 30_000,
} as const;

/** A part of a group that is done for each stage, or asked of the orchestrator. */
const part = (id: string, kind: 'http' | 'sql', title: string): StepSpec => ({
  ...read,
  ...{ id, kind, title },
});

export const pipelineCheckSpec: RunbookSpec = {
  id: 'pipeline-check',
  version: '1.0.0',
  title: 'Prove that a pipeline is what it is declared to be',
  summary:
    'Compares the declaration of a pipeline with its database and its job API, and says what pipeline-recovery could prove and what not. Changes nothing.',
  type: 'TROUBLESHOOTING',
  priority: 'LOW',
  tags: ['pipeline', 'etl', 'data', 'checkpoint', 'declaration'],
  owners: ['data'],
  expectedMinutes: 1,
  inputs: {
    pipeline: {
      type: 'target',
      kind: 'pipeline',
      observed: true,
      description: 'The pipeline: its job API and its database',
    },
  },
  prerequisites: ['The target declares its pipeline (docs/adopt/job-api.md).'],
  steps: [
    part('declared', 'sql', 'Compare the declaration with the database'),
    {
      id: 'identify',
      title: 'Ask for the jobs',
      kind: 'parallel',
      effect: 'read',
      steps: [
        part('status', 'http', 'Ask the job API whether it is there, and for its jobs'),
        part('jobs', 'sql', 'Read the jobs of the last 24 hours from the job table'),
      ],
    },
    {
      id: 'collect',
      title: 'Ask for the state and the log of the newest job',
      kind: 'parallel',
      effect: 'read',
      steps: [
        part('message', 'http', "Ask for the job's state"),
        part('log', 'http', "Fetch the job's log"),
      ],
    },
    {
      id: 'corrupt',
      title: 'Compare what each stage committed with what its checkpoints claim',
      kind: 'forEach',
      effect: 'read',
      steps: [{ ...part('stage', 'sql', 'Prove the checkpoints of stage'), timeoutMs: 120_000 }],
    },
  ],
  verification: 'Every table, column and right is there, and the job API answers as declared.',
  rollback: 'Nothing is changed.',
};
