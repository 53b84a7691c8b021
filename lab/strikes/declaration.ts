import { stepNames, steps } from './schema.js';

/** What an operator declares of this pipeline. */
export const declaration = {
  run: {
    http: {
      states: {
        running: ['WAITING', 'WORKING'],
        completed: ['DONE'],
        failed: ['BROKEN'],
        stopped: ['ABORTED'],
      },
      jobs: {
        ...{ in: 'api', path: '/runs', query: { limit: 50 }, list: 'items' },
        ...{ id: 'run', status: 'phase', created: 'began', stage: 'at.step' },
      },
      status: {
        ...{ path: '/runs/{job}', status: 'phase', stage: 'at.step' },
        ...{ code: 'why.kind', message: 'why.text', record: 'why.row', progress: 'at' },
      },
      restart: {
        path: '/runs/{job}/resume',
        json: { step: '{stage}', from: '{next_batch}' },
        ...{ job: 'started', idempotent: true, completed: true },
      },
      stop: { path: '/runs/{job}', method: 'DELETE' },
      poison: ['BAD_ROW'],
    },
  },
  data: {
    stages: stepNames.map((name) => ({
      ...{ name, table: ['wildlife', steps[name].table], key: [steps[name].key], batch: 'Chunk' },
      measures: { cost: steps[name].cost, speed: steps[name].speed },
    })),
    checkpoints: {
      ...{ table: ['wildlife', 'Done'], stage: 'Step', batch: 'Chunk', order: 'At', rows: 'Rows' },
      sums: { cost: 'Cost', speed: 'Speed' },
      cumulative: false,
    },
    rejects: { table: 'wildlife.left_out', key: ['report'], stage: 'step' },
    setAside: { table: 'wildlife.Skip', key: ['Report No'], reason: 'Why' },
    quarantine: { rows: 'safe.rows', checkpoints: 'safe.claims' },
  },
};
