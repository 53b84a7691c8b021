import type { RunbookSpec } from '../../language/runbook.js';
import { closingInput } from '../shared/spec.js';

/** What every look at a pipeline is. */
export const read = {
  effect: 'read',
  onFailure: 'abort',
  retry: { attempts: 5, initialMs: 500, factor: 2, maxMs: 5_000 },
  timeoutMs: 30_000,
} as const;
/** A look at a service that has just answered: while it is restarted, it is waited for. */
const readAgain = {
  ...read,
  retry: { attempts: 8, initialMs: 500, factor: 2, maxMs: 15_000 },
} as const;
/** Steps for one way of running a pipeline. */
const jobApi = { runBy: ['http'] } as const;
const dbt = { runBy: ['dbt'] } as const;
const airflow = { runBy: ['airflow'] } as const;
const program = { runBy: ['program'] } as const;
const jobs = { runBy: ['http', 'airflow'] } as const;

export const pipelineRecoverySpec: RunbookSpec = {
  id: 'pipeline-recovery',
  version: '1.0.0',
  title: 'Recover a failed data pipeline',
  summary:
    'Finds the failed stage, decides whether data is corrupt, restarts the job from the ' +
    'last checkpoint whose data is proved good, and proves the result against the source.',
  type: 'INCIDENT_RESPONSE',
  priority: 'HIGH',
  tags: ['pipeline', 'etl', 'data', 'checkpoint', 'recovery'],
  owners: ['data'],
  expectedMinutes: 20,
  inputs: {
    pipeline: {
      type: 'target',
      kind: 'pipeline',
      description: 'The pipeline: its job API and its database',
    },
    job: {
      type: 'text',
      optional: true,
      pattern: '[A-Za-z0-9_.~:+-]+',
      maxLength: 250,
      description: 'The failed job (of Airflow: the DAG run); the newest failed one unless given',
    },
    tolerance_rows: {
      type: 'integer',
      default: 0,
      minimum: 0,
      description: 'Rows that may differ from the source at the end',
    },
    max_restarts: {
      type: 'integer',
      default: 2,
      minimum: 1,
      maximum: 10,
      description: 'Restarts of the job before the run gives up',
    },
    follow_timeout: {
      type: 'duration',
      default: '30m',
      description: 'How long one restarted job may take',
    },
    on_failure: {
      type: 'choice',
      options: ['leave', 'rollback'],
      default: 'leave',
      description:
        'After a failure that stays: leave what was done for a person to look at, or undo it',
    },
    notify: closingInput,
  },
  prerequisites: [
    'The target declares its pipeline (docs/adopt/job-api.md); doctor PIPELINE finds it right.',
    'The token may read and restart jobs.',
    'The database can be read; where batches are claimed, ' +
      'rows can be moved into its quarantine tables.',
  ],
  steps: [
    {
      ...read,
      id: 'declared',
      title: 'Compare the declaration with the database',
      kind: 'sql',
    },
    {
      ...airflow,
      id: 'reach',
      title: 'See whether what runs it is what is declared',
      kind: 'parallel',
      effect: 'read',
      steps: [
        { ...read, id: 'version', title: 'Ask Airflow for its version', kind: 'http' },
        { ...read, id: 'dag', title: 'Ask Airflow for the DAG', kind: 'http' },
      ],
    },
    {
      id: 'identify',
      title: 'Identify the failed stage',
      kind: 'parallel',
      effect: 'read',
      steps: [
        {
          ...read,
          ...jobs,
          id: 'status',
          title: 'Ask the job API whether it is there, and for its jobs',
          kind: 'http',
        },
        {
          ...read,
          ...jobApi,
          id: 'jobs',
          title: 'Read the jobs of the last 24 hours, and the one asked for, from the job table',
          kind: 'sql',
        },
        {
          ...read,
          ...jobs,
          id: 'asked',
          title: 'Ask for the job that was named, which the list may not have any more',
          kind: 'http',
        },
        {
          ...read,
          ...dbt,
          id: 'runs',
          title: 'Read which runs dbt has begun and ended',
          kind: 'command',
        },
        {
          ...read,
          ...dbt,
          id: 'failures',
          title: 'See whether a node of dbt has failed',
          kind: 'command',
        },
        {
          ...read,
          ...dbt,
          id: 'sessions',
          title: 'See whether dbt still works in the database',
          kind: 'sql',
        },
        {
          ...read,
          ...airflow,
          id: 'tasks',
          title: 'Ask Airflow which tasks the DAG has',
          kind: 'http',
        },
        {
          ...read,
          ...airflow,
          id: 'waiting',
          title: 'Ask Airflow which tasks wait without a worker',
          kind: 'http',
        },
        {
          ...read,
          ...program,
          id: 'listed',
          title: 'Ask the program for the jobs of the last 24 hours',
          kind: 'command',
        },
      ],
    },
    {
      id: 'collect',
      title: 'Collect the error log and message',
      kind: 'parallel',
      effect: 'read',
      steps: [
        { ...readAgain, ...jobs, id: 'message', title: "Ask for the job's error", kind: 'http' },
        { ...readAgain, ...jobApi, id: 'log', title: "Fetch the job's log", kind: 'http' },
        {
          ...read,
          ...dbt,
          id: 'nodes',
          title: 'Read which nodes of dbt have failed',
          kind: 'command',
        },
        { ...read, ...dbt, id: 'tail', title: 'Read the end of the log of dbt', kind: 'command' },
        {
          ...read,
          ...airflow,
          id: 'instances',
          title: 'Ask Airflow which tasks have failed',
          kind: 'http',
        },
        {
          ...readAgain,
          ...program,
          id: 'told',
          title: 'Ask the program why the job has failed',
          kind: 'command',
        },
      ],
    },
    {
      ...airflow,
      id: 'explain',
      title: 'Ask why it has failed',
      kind: 'parallel',
      effect: 'read',
      steps: [
        { ...read, id: 'task_log', title: 'Fetch the log of the failed task', kind: 'http' },
        { ...read, id: 'record', title: 'Ask which record the task names', kind: 'http' },
      ],
    },
    {
      id: 'corrupt',
      title: 'Compare what each stage committed with what its checkpoints claim',
      kind: 'forEach',
      effect: 'read',
      steps: [
        {
          ...read,
          id: 'stage',
          title: 'Prove the checkpoints of stage',
          kind: 'sql',
          timeoutMs: 120_000,
        },
      ],
    },
    {
      id: 'checkpoint',
      title: 'Choose the last checkpoint whose data is proved good',
      kind: 'decide',
      effect: 'read',
    },
    {
      runBy: ['airflow', 'dbt'],
      id: 'preview',
      title: 'Ask what a restart would do',
      kind: 'parallel',
      effect: 'read',
      steps: [
        {
          ...read,
          ...dbt,
          id: 'models',
          title: 'Ask dbt which models it would build, and which of them are incremental',
          kind: 'command',
          timeoutMs: 120_000,
        },
        {
          ...read,
          ...airflow,
          id: 'cleared',
          title: 'Let Airflow clear in a dry run',
          kind: 'http',
        },
        {
          ...read,
          ...airflow,
          id: 'newest',
          title: 'Ask for the newest version of the DAG',
          kind: 'http',
        },
      ],
    },
    {
      id: 'approve',
      title: 'Approve the recovery',
      kind: 'approval',
      effect: 'read',
      approvers: 'another',
    },
    {
      id: 'quarantine',
      title: 'Move corrupt rows and checkpoints into quarantine',
      kind: 'sql',
      effect: 'change',
      retry: { attempts: 5, initialMs: 500, factor: 2, maxMs: 5_000 },
      timeoutMs: 120_000,
      undo: 'Put the quarantined rows and checkpoints back',
    },
    {
      ...jobs,
      id: 'restart',
      title: 'Restart the job from the checkpoint',
      kind: 'http',
      effect: 'change',
      retry: { attempts: 6, initialMs: 500, factor: 2, maxMs: 10_000 },
      timeoutMs: 30_000,
      answers: ['job'],
      undo: 'Stop the restarted job',
    },
    {
      ...dbt,
      id: 'build',
      title: 'Let dbt go on, or build anew what is corrupt',
      kind: 'command',
      effect: 'change',
      timeoutMs: 7_200_000,
    },
    {
      ...program,
      id: 'begin',
      title: 'Let the program restart the job from the checkpoint',
      kind: 'command',
      effect: 'change',
      retry: { attempts: 6, initialMs: 500, factor: 2, maxMs: 10_000 },
      timeoutMs: 60_000,
      answers: ['job'],
      undo: 'Stop the restarted job',
    },
    {
      ...jobApi,
      id: 'hold',
      title: 'Note the restarted job, so that it can be stopped',
      kind: 'http',
      effect: 'change',
      retry: { attempts: 5, initialMs: 500, factor: 2, maxMs: 5_000 },
      timeoutMs: 30_000,
      undo: 'Stop the restarted job',
    },
    {
      runBy: ['http', 'airflow', 'program'],
      id: 'follow',
      title: 'Follow the restarted job to its end, good or bad',
      kind: 'check',
      effect: 'read',
      retry: { attempts: 3, initialMs: 500 },
      answers: ['status'],
    },
    { ...read, ...dbt, id: 'results', title: 'Read how dbt has ended', kind: 'command' },
    {
      id: 'validate',
      title: 'Validate the recovered data against the source',
      kind: 'parallel',
      effect: 'read',
      steps: [
        {
          ...readAgain,
          ...jobApi,
          id: 'service',
          title: 'Ask the job API to validate the dataset',
          kind: 'http',
          timeoutMs: 120_000,
        },
        {
          ...read,
          id: 'rows',
          title: 'Compare the target with the source by our own query',
          kind: 'sql',
          timeoutMs: 120_000,
        },
      ],
    },
    {
      id: 'notify',
      title: 'Tell people how it went',
      kind: 'notify',
      effect: 'change',
      retry: { attempts: 5, initialMs: 500 },
      timeoutMs: 15_000,
      // The run has succeeded anyway; the report says that nobody was notified.
      onFailure: 'abort',
    },
  ],
  verification:
    'Rows, sums and keys equal the source within the tolerance; no row twice, none lost.',
  rollback:
    'Where the restarted job can be stopped: it is stopped, ' +
    'then quarantined rows and checkpoints are put back.',
};
