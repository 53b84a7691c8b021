import { declaration as strikes } from '../strikes/declaration.js';

/** What an operator declares of the DAG `strikes`. */
export const declaration = {
  run: {
    airflow: {
      dag: 'strikes',
      tasks: { received: 'receive', named: 'name', booked: 'book' },
      record: 'bad_record',
    },
  },
  // Where the rows come from is a table here; there it is files.
  data: { source: { table: 'lab.reports', key: ['report'] }, ...strikes.data },
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
