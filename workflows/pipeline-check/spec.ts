import type { RunbookSpec, StepSpec } from '../../language/runbook.js';
import { pipelineRecoverySpec } from '../pipeline-recovery/spec.js';

/** A step of pipeline-recovery that only reads. */
function asIn(id: string, title: string): StepSpec {
  const step = pipelineRecoverySpec.steps.find((each) => each.id === id);
  if (step?.effect !== 'read') throw new TypeError(`${id} is no step that reads`);
  return { ...step, title };
}

export const pipelineCheckSpec: RunbookSpec = {
  id: 'pipeline-check',
  version: '1.0.0',
  title: 'Prove that a pipeline is what it is declared to be',
  summary:
    'Compares the declaration of a pipeline with its database and with what runs it, and ' +
    'says what pipeline-recovery could prove and what not. Changes nothing.',
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
      description: 'The pipeline: how it is run, and its database',
    },
  },
  prerequisites: ['The target declares its pipeline (docs/adopt/job-api.md).'],
  steps: [
    asIn('declared', 'Compare the declaration with the database'),
    asIn('reach', 'See whether what runs it is what is declared'),
    asIn('identify', 'Ask for the jobs'),
    asIn('collect', 'Ask for the state and the log of the newest job'),
    asIn('explain', 'Ask why the newest job has failed, if it has'),
    asIn('corrupt', 'Compare what each stage committed with what its checkpoints claim'),
    asIn('preview', 'Ask what a restart of the newest job would do'),
  ],
  verification: 'Every table, column and right is there, and the jobs are told as declared.',
  rollback: 'Nothing is changed.',
};
