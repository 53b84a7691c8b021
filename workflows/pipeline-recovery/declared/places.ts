import {
  isClaimed,
  tableWords,
  type DeclaredTable,
  type Pipeline,
  type TableName,
} from '../../../language/pipeline.js';
import { by } from '../queries/parts.js';

export type Right = 'SELECT' | 'INSERT' | 'DELETE';

/** What a column has to be for what it is declared as. */
export type Role = 'key' | 'batch' | 'number' | 'time' | 'text' | 'json' | 'any';

/** A table, or a query, as a declaration uses it. */
export interface Place {
  /** What it is, for people, such as `stage booked`; no other place has the same. */
  what: string;
  /** The stage whose rows it holds. */
  stage?: string;
  /** Empty for a query. */
  table: TableName;
  /** The connection of the target; absent: its `postgres`. */
  connection?: string | undefined;
  /** Its key, where keys of other places are compared with it. */
  key?: readonly string[];
  columns: { name: string; role: Role }[];
  rights: Right[];
  /** Rows are moved out of it, and back. */
  isMoved: boolean;
}

/** The table as people read it; a query is called what it is. */
export function placeWords(place: Place): string {
  return place.table.length === 0 ? 'the query' : tableWords(place);
}

/** What the query that tells the checkpoints is called. */
export const queriedPlace = 'checkpoints';

const reads: Right[] = ['SELECT'];
const moves: Right[] = ['SELECT', 'INSERT', 'DELETE'];

/** Every table that the pipeline declares, with what is asked of it. */
export function placesOf({ run, data }: Pipeline): Place[] {
  const { stages, source, checkpoints, rejects, setAside, quarantine } = data;
  const datasets = ({ dataset = data.dataset }: Pick<DeclaredTable, 'dataset'>) =>
    of('any', dataset);
  // Tables that are made as a whole say of no column that it is never null.
  const key: Role = isClaimed(data) ? 'key' : 'any';
  const places: Place[] = stages.map((stage) => ({
    what: `stage ${stage.name}`,
    stage: stage.name,
    ...at(stage),
    key: stage.key,
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
    where: Omit<DeclaredTable, 'dataset'>,
    rights: Right[],
    columns: Place['columns'],
    more: Partial<Place> = {},
  ): void => void places.push({ what, ...at(where), rights, columns, isMoved: false, ...more });
  if (source)
    add('source', source, reads, [...of(key, ...source.key), ...datasets(source)], {
      key: source.key,
    });
  if (checkpoints) {
    const { table = [], connection, order, stage, batch, checksum } = checkpoints;
    const claimed = [checkpoints.rows, ...Object.values(checkpoints.sums)];
    const columns = [
      ...of('any', stage, order, checksum, ...(table.length > 0 ? claimed : [])),
      // What a query returns here is checked to be a number.
      ...(table.length > 0 ? [] : of('number', ...claimed)),
      ...of('batch', batch),
      ...datasets(checkpoints),
    ];
    const isMoved = table.length > 0;
    add(queriedPlace, { table, connection }, isMoved ? moves : reads, columns, { isMoved });
  }
  if (rejects)
    add(
      'rejects',
      rejects,
      reads,
      [
        ...of(key, ...rejects.key),
        ...of('any', rejects.stage, rejects.reason),
        ...datasets(rejects),
      ],
      { key: rejects.key },
    );
  if (setAside)
    add(
      'setAside',
      setAside,
      moves,
      [...of(key, ...setAside.key), ...of('text', setAside.reason), ...datasets(setAside)],
      { key: setAside.key },
    );
  const kept = [...of('text', 'run', 'stage'), ...of('json', 'row')];
  if (quarantine) {
    for (const connection of new Set(stages.map((stage) => stage.connection)))
      add(keptAt('rows', connection), { table: quarantine.rows, connection }, moves, kept);
    if (checkpoints && quarantine.checkpoints) {
      const { connection } = checkpoints;
      const table = quarantine.checkpoints;
      add(keptAt('checkpoints', connection), { table, connection }, moves, kept);
    }
  }
  const jobs = run.http?.jobs;
  if (jobs?.in === 'table')
    add('jobs', jobs, reads, [
      ...of('any', jobs.id, jobs.status, jobs.created, jobs.stage, jobs.dataset),
      ...of('any', ...Object.keys(jobs.where)),
    ]);
  return places;
}

function at({ table, connection }: Omit<DeclaredTable, 'dataset'>): Pick<Place, 'table'> {
  return { table, ...by(connection) };
}

function keptAt(what: keyof NonNullable<Pipeline['data']['quarantine']>, connection?: string) {
  return `quarantine.${what}${connection === undefined ? '' : ` at ${connection}`}`;
}

function of(role: Role, ...names: (string | undefined)[]): Place['columns'] {
  return names.flatMap((name) => (name === undefined ? [] : [{ name, role }]));
}
