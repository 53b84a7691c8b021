import type { JsonObject } from '../../language/json.js';
import type { PlannedTarget } from '../../language/plan.js';
import type { CheckAction } from '../../language/kinds/check.js';
import type { HttpAction } from '../../language/kinds/http.js';
import type { NotifyAction } from '../../language/kinds/notify.js';
import type { SqlAction } from '../../language/kinds/sql.js';
import type { Stage } from './spec.js';
import type { Work } from '../engine/attempts.js';
import type { Checkpoint, Choice } from './findings.js';
import {
  compareWithSource,
  deadLetter,
  proveStage,
  quarantine,
  recentJobs,
  unquarantine,
} from './queries.js';

export type Actions = ReturnType<typeof actionsFor>;

const pollMs = 500;

/** All actions of this runbook on one pipeline, as data. */
export function actionsFor(pipeline: PlannedTarget, dataset: string) {
  const target = pipeline.name;
  const get = (
    path: string,
    params: Record<string, string> = {},
    pick?: Record<string, string>,
  ): HttpAction => ({
    kind: 'http',
    target,
    method: 'GET',
    path,
    params,
    ...(pick ? { pick } : {}),
  });
  const query = (as: string, text: string, values: (string | number)[]): SqlAction => ({
    kind: 'sql',
    target,
    statements: [{ as, text, values }],
    statementTimeoutMs: 110_000,
  });
  const jobFields = {
    id: 'id',
    status: 'status',
    stage: 'stage',
    error: 'error',
    progress: 'progress',
  };

  return {
    pipelineStatus: (): HttpAction => get('/api/v1/pipelines/status'),

    recentJobs: (job: string | undefined): SqlAction => ({
      kind: 'sql',
      target,
      statements: [
        {
          ...recentJobs,
          values: [
            typeof pipeline.facts['pipeline'] === 'string' ? pipeline.facts['pipeline'] : target,
            job ?? null,
          ],
        },
      ],
    }),

    jobStatus: (job: string): HttpAction => get('/api/v1/jobs/{job}/status', { job }, jobFields),

    jobLog: (job: string): HttpAction => get('/api/v1/jobs/{job}/log', { job }),

    prove: (stage: Stage): SqlAction => query('proof', proveStage(stage), [dataset]),

    quarantine: (
      { checkpoint: { stage, batch }, poison, ...choice }: Choice,
      run: string,
    ): Work => ({
      action: {
        kind: 'sql',
        target,
        statements: [
          ...(poison === null ? [] : [deadLetter(dataset, poison, run)]),
          ...quarantine(dataset, stage, batch, run),
        ],
        statementTimeoutMs: 110_000,
      },
      ...(choice.corrupt.length === 0
        ? {}
        : {
            expect: [
              {
                condition: { cel: 'out.kept[0].rows == rows', given: { rows: choice.rowsAgain } },
                otherwise:
                  'the quarantine does not hold what was approved: the data changed after the approval',
                next: 'Start the runbook again, so that the data is looked at afresh.',
              },
            ],
          }),
      undo: {
        kind: 'sql',
        target,
        statements: unquarantine(dataset, stage, batch, run),
        statementTimeoutMs: 110_000,
      },
    }),

    restart: (job: string, { stage, batch }: Checkpoint): HttpAction => ({
      kind: 'http',
      target,
      method: 'POST',
      path: '/api/v1/jobs/{job}/restart',
      params: { job },
      json: { checkpoint: { stage, batch } },
      idempotencyKey: true,
      pick: { job: 'id', repeated: 'repeated' },
    }),

    /** Stops the job that a restart with this key started; harmless when it started none. */
    stopRestarted: (key: string): HttpAction => ({
      kind: 'http',
      target,
      method: 'POST',
      path: '/api/v1/restarts/{key}/stop',
      params: { key },
      idempotent: true,
      statuses: [200, 404],
    }),

    follow: (job: string): CheckAction => ({
      kind: 'check',
      probe: get('/api/v1/jobs/{job}/status', { job }, jobFields),
      until: { cel: 'out.status in ["completed", "failed", "stopped"]' },
      everyMs: pollMs,
      progress: ['status', 'progress'],
    }),

    validate: (tolerance: number): Work => ({
      action: get('/api/v1/datasets/{dataset}/validate', { dataset }),
      expect: [
        {
          condition:
            tolerance === 0
              ? { cel: 'out.json.valid' }
              : { cel: 'out.json.missing <= tolerance', given: { tolerance } },
          otherwise: 'the service finds the recovered dataset invalid',
          next: 'Look at the problems in the output of this step.',
        },
      ],
    }),

    compare: (tolerance: number): Work => ({
      action: query('target', compareWithSource, [dataset]),
      expect: [
        {
          condition: {
            cel:
              'out.target[0].duplicates == 0 && out.target[0].missing <= tolerance' +
              ' && out.target[0].foreign_keys <= tolerance',
            given: { tolerance },
          },
          otherwise: 'the target differs from the source',
          next: 'The output of this step says how many rows are twice, missing or foreign.',
        },
      ],
    }),

    notify: (
      webhook: string | undefined,
      message: { text: string; fields: JsonObject },
    ): NotifyAction => ({
      kind: 'notify',
      ...(webhook === undefined ? {} : { target: webhook }),
      ...message,
    }),
  };
}
