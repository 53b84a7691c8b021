import {
  isClaimed,
  type DeclaredTable,
  type Pipeline,
  type TableName,
} from '../../../language/pipeline.js';

export type Right = 'SELECT' | 'INSERT' | 'DELETE';

/** What a column has to be for what it is declared as. */
export type Role = 'key' | 'batch' | 'number' | 'time' | 'text' | 'json' | 'any';

/** A table as a declaration uses it. */
export interface Place {
  /** What it is, for people, such as `stage booked`. */
  what: string;
  table: TableName;
  columns: { name: string; role: Role }[];
  rights: Right[];
  /** Rows are moved out of it, and back. */
  isMoved: boolean;
}

const reads: Right[] = ['SELECT'];
const moves: Right[] = ['SELECT', 'INSERT', 'DELETE'];

/** Every table that the pipeline declares, with what is asked of it. */
export function placesOf({ run, data }: Pipeline): Place[] {
  const { stages, source, checkpoints, rejects, setAside, quarantine } = data;
  const datasets = ({ dataset = data.dataset }: DeclaredTable) => of('any', dataset);
  // Tables that are made as a whole say of no column that it is never null.
  const key: Role = isClaimed(data) ? 'key' : 'any';
  const places: Place[] = stages.map((stage) => ({
    what: `stage ${stage.name}`,
    table: stage.table,
    columns: [
      ...of(key, ...stage.key),
      ...of('batch', stage.batch),
      ...of('any', stage.order),
      ...of('time', stage.fresh?.column),
      ...of('number', ...stage.measures.map(({ column }) => column)),
      ...datasets(stage),
    ],
    rights: isClaimed(data) ? moves : reads,
    isMoved: isClaimed(data),
  }));
  const add = (
    what: string,
    table: TableName,
    rights: Right[],
    columns: Place['columns'],
    isMoved = false,
  ): void => void places.push({ what, table, rights, columns, isMoved });
  if (source) add('source', source.table, reads, [...of(key, ...source.key), ...datasets(source)]);
  if (checkpoints) {
    const claimed = [checkpoints.rows, ...Object.values(checkpoints.sums)];
    add(
      'checkpoints',
      checkpoints.table,
      moves,
      [
        ...of('any', checkpoints.stage, checkpoints.order, checkpoints.checksum, ...claimed),
        ...of('batch', checkpoints.batch),
        ...datasets(checkpoints),
      ],
      true,
    );
  }
  if (rejects)
    add('rejects', rejects.table, reads, [
      ...of(key, ...rejects.key),
      ...of('any', rejects.stage, rejects.reason),
      ...datasets(rejects),
    ]);
  if (setAside)
    add('setAside', setAside.table, moves, [
      ...of(key, ...setAside.key),
      ...of('text', setAside.reason),
      ...datasets(setAside),
    ]);
  const kept = [...of('text', 'run', 'stage'), ...of('json', 'row')];
  if (quarantine) {
    add('quarantine.rows', quarantine.rows, moves, kept);
    add('quarantine.checkpoints', quarantine.checkpoints, moves, kept);
  }
  const jobs = run.http?.jobs;
  if (jobs?.in === 'table')
    add('jobs', jobs.table, reads, [
      ...of('any', jobs.id, jobs.status, jobs.created, jobs.stage, jobs.dataset),
      ...of('any', ...Object.keys(jobs.where)),
    ]);
  return places;
}

function of(role: Role, ...names: (string | undefined)[]): Place['columns'] {
  return names.flatMap((name) => (name === undefined ? [] : [{ name, role }]));
}
