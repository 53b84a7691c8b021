import { tableOf } from './schema.js';

/** What an operator declares of the example pipeline: `pipeline` of its target in targets.yaml. */
export const declaration = {
  run: {
    http: {
      states: {
        running: ['queued', 'running'],
        completed: ['completed'],
        failed: ['failed'],
        stopped: ['stopped'],
      },
      ping: '/api/v1/pipelines/status',
      jobs: {
        in: 'table',
        table: 'processing_jobs',
        id: 'id',
        status: 'status',
        created: 'created_at',
        stage: 'stage',
        dataset: 'dataset_id',
        where: { pipeline: 'flights' },
      },
      status: {
        path: '/api/v1/jobs/{job}/status',
        status: 'status',
        stage: 'stage',
        code: 'error.code',
        message: 'error.message',
        record: 'error.record',
        progress: 'progress',
      },
      log: { path: '/api/v1/jobs/{job}/log' },
      restart: {
        path: '/api/v1/jobs/{job}/restart',
        json: { checkpoint: { stage: '{stage}', batch: '{batch}' } },
        job: 'id',
        idempotent: true,
      },
      stop: { path: '/api/v1/restarts/{key}/stop' },
      validate: { path: '/api/v1/datasets/{dataset}/validate', valid: 'valid', missing: 'missing' },
      poison: ['poison-record'],
    },
  },
  data: {
    dataset: 'dataset_id',
    stages: Object.entries(tableOf).map(([name, table], at) => ({
      ...{ name, table, key: ['seq'], batch: 'batch', order: 'id' },
      measures: ['distance', 'delay'],
      // Its source has records that come twice.
      ...(at === 0 ? { repeats: true } : {}),
    })),
    checkpoints: {
      ...{ table: 'checkpoints', stage: 'stage', batch: 'batch', order: 'id' },
      rows: 'rows_total',
      sums: { distance: 'sum_distance', delay: 'sum_delay' },
      checksum: 'key_checksum',
      cumulative: true,
    },
    rejects: {
      ...{ table: 'stage_rejects', key: ['seq'], stage: 'stage' },
      reason: 'reason',
      repeated: ['duplicate'],
    },
    setAside: { table: 'dead_letters', key: ['seq'], reason: 'reason' },
    quarantine: { rows: 'quarantine_rows', checkpoints: 'quarantine_checkpoints' },
  },
};
