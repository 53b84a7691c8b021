import { stepNames, steps } from '../strikes/schema.js';

/** What an operator declares of the DAG `strikes`. */
export const declaration = {
  run: {
    airflow: {
      dag: 'strikes',
      tasks: { received: 'receive', named: 'name', booked: 'book' },
      record: 'bad_record',
    },
  },
  data: {
    source: { table: 'lab.reports', key: ['report'] },
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

/** The same of the DAG `parts`, whose tables are made as a whole. */
export const declarationOfParts = {
  run: { airflow: { dag: 'parts', tasks: { parts: 'load.part', gathered: 'gather' } } },
  data: {
    source: { table: 'lab.reports', key: ['report'] },
    stages: [
      { name: 'parts', table: 'lab.parts', key: ['report'] },
      { name: 'gathered', table: 'lab.gathered', key: ['report'] },
    ],
  },
};
