import type { RunbookSpec, StepSpec } from '../../language/runbook.js';
import { closingInput } from '../shared/spec.js';
import { pipelineRecoverySpec, read } from '../pipeline-recovery/spec.js';

/** A step of pipeline-recovery. */
function asIn(id: string): StepSpec {
  const step = pipelineRecoverySpec.steps.find((each) => each.id === id);
  if (!step) throw new TypeError(`pipeline-recovery has no step ${id}`);
  return step;
}

/** One step for each DAG run, or for each pipeline. */
function forEach(id: string, title: string, part: StepSpec): StepSpec {
  return { id, title, kind: 'forEach', effect: part.effect, steps: [part] };
}

/** The same for a step of pipeline-recovery. */
function forEachAsIn(id: string, title: string): StepSpec {
  const { runBy: _airflow, undo: _cannot, ...step } = asIn(id);
  return forEach(id, title, { ...step, id: 'run' });
}

export const dagFailureRecoverySpec: RunbookSpec = {
  id: 'dag-failure-recovery',
  version: '1.0.0',
  title: 'Recover many failed DAG runs',
  summary:
    'After an outage of Airflow: finds the failed DAG runs of several ' +
    'pipelines, proves the data of each, and clears them a few at a ' +
    'time, the oldest data first; stops and asks when some fail again.',
  type: 'INCIDENT_RESPONSE',
  priority: 'HIGH',
  tags: ['airflow', 'dag', 'pipeline', 'data', 'outage', 'recovery'],
  owners: ['data'],
  expectedMinutes: 60,
  inputs: {
    pipelines: {
      type: 'list',
      of: 'target',
      kind: 'pipeline',
      description: 'The pipelines, each a DAG: its Airflow and its database',
    },
    jobs: {
      type: 'list',
      of: 'text',
      pattern: '[A-Za-z0-9_.~:+-]+',
      maxLength: 250,
      default: [],
      description: 'The failed DAG runs, by their ids; all that were due in `since` unless given',
    },
    since: {
      type: 'duration',
      default: '24h',
      description: 'How long ago a DAG run may have been due',
    },
    most: {
      type: 'integer',
      default: 20,
      minimum: 1,
      maximum: 40,
      description: 'How many DAG runs one approval covers, the oldest first',
    },
    at_once: {
      type: 'integer',
      default: 3,
      minimum: 1,
      maximum: 20,
      description: 'How many DAG runs are cleared at once; the others wait until these have ended',
    },
    max_failures: {
      type: 'integer',
      default: 1,
      minimum: 1,
      description: 'How many may fail again before people are asked whether to go on',
    },
    tolerance_rows: {
      type: 'integer',
      default: 0,
      minimum: 0,
      description: 'Rows of a DAG run that may differ from the source at the end',
    },
    follow_timeout: {
      type: 'duration',
      default: '30m',
      description: 'How long one cleared DAG run may take, and how long a full pool is waited for',
    },
    notify: closingInput,
  },
  prerequisites: [
    'What caused the outage is mended: Airflow, its database and the data source are up.',
    'Each target declares its pipeline and is run by Airflow (docs/adopt/airflow.md); ' +
      'doctor PIPELINE finds it right.',
  ],
  steps: [
    {
      id: 'find',
      title: 'Look for DAG runs that have failed',
      kind: 'runbook',
      effect: 'read',
      steps: [
        { ...read, id: 'health', title: 'Ask whether the scheduler is healthy', kind: 'http' },
        asIn('declared'),
        asIn('reach'),
        asIn('identify'),
      ],
    },
    {
      id: 'order',
      title: 'Choose the DAG runs, and their order',
      kind: 'decide',
      effect: 'read',
    },
    {
      id: 'examine',
      title: 'Look at each DAG run, and prove its data',
      kind: 'runbook',
      effect: 'read',
      steps: [
        asIn('collect'),
        asIn('explain'),
        asIn('corrupt'),
        asIn('checkpoint'),
        asIn('preview'),
      ],
    },
    forEach('pools', 'Ask how full the pools are', {
      ...read,
      id: 'pool',
      title: 'Ask how full the pools are',
      kind: 'http',
    }),
    {
      id: 'approve',
      title: 'Approve the recovery',
      kind: 'approval',
      effect: 'read',
      approvers: 'another',
    },
    forEach('room', 'Wait until the pools have a free slot', {
      id: 'pool',
      title: 'Wait until the pools have a free slot',
      kind: 'check',
      effect: 'read',
    }),
    forEachAsIn('quarantine', 'Move corrupt rows and checkpoints into quarantine'),
    forEachAsIn('restart', 'Clear the DAG runs'),
    forEachAsIn('follow', 'Follow the DAG runs to their end, good or bad'),
    {
      id: 'again',
      title: 'Look at those that have failed again',
      kind: 'runbook',
      effect: 'read',
      steps: [asIn('collect'), asIn('explain')],
    },
    forEach('proved', 'Prove the stages again', {
      ...read,
      id: 'stage',
      title: 'Prove the checkpoints of stage',
      kind: 'sql',
      timeoutMs: 120_000,
    }),
    forEach('rows', 'Compare the targets with their sources', {
      ...read,
      id: 'run',
      title: 'Compare the target with the source by our own query',
      kind: 'sql',
      timeoutMs: 120_000,
      // The DAG run counts as failed again.
      onFailure: 'continue',
    }),
    asIn('notify'),
  ],
  verification:
    'Of each DAG run rows, sums and keys equal the source ' +
    'within the tolerance; no row twice, none lost.',
  rollback:
    'A clear cannot be taken back. What was moved into quarantine stays there, for people; ' +
    'no further DAG run is cleared.',
};
