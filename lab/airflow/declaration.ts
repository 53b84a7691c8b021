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

/** The same of a DAG whose runs each have a day of their own. @param upstream DAGs before it */
export function declarationOfDays(dag: 'days' | 'others' | 'sums', upstream: string[] = []) {
  return {
    run: { airflow: { dag, tasks: { [dag]: 'load' }, dataset: 'conf.day', upstream } },
    data: {
      dataset: 'day',
      source: {
        table: upstream.length > 0 ? 'lab.days' : 'lab.reports_by_day',
        key: ['report'],
      },
      stages: [{ name: dag, table: `lab.${dag}`, key: ['report'] }],
    },
  };
}

/** The same of the DAG `arrivals`, which waits for a file. */
export const declarationOfArrivals = {
  run: { airflow: { dag: 'arrivals', tasks: { arrived: 'take' } } },
  data: {
    source: { table: 'lab.reports', key: ['report'] },
    stages: [{ name: 'arrived', table: 'lab.arrived', key: ['report'] }],
  },
};

/** The same of the DAG `versions`. @param version of the code that a cleared task runs */
export function declarationOfVersions(version: 'run' | 'newest') {
  return {
    run: { airflow: { dag: 'versions', tasks: { marked: 'mark' }, version } },
    data: {
      source: { table: 'lab.reports', key: ['report'] },
      stages: [{ name: 'marked', table: 'lab.marked', key: ['report'] }],
    },
  };
}
