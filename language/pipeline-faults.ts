import { nearest } from './nearest.js';
import { faultsOfAirflow } from './pipeline-airflow.js';
import {
  placeholdersOf,
  type Fault,
  type HttpRun,
  type Pipeline,
  type PipelineData,
  type TableName,
} from './pipeline.js';

/** Every contradiction within the declaration of a pipeline. */
export function faultsIn({ run, data }: Pipeline): Fault[] {
  return [
    ...repeatedNames(data),
    ...otherKeys(data),
    ...otherMeasures(data),
    ...halfClaimed(data),
    ...(run.http ? faultsOfApi(run.http, data) : []),
    ...(run.airflow ? faultsOfAirflow(run.airflow, data) : []),
    ...withoutDataset(run, data),
  ];
}

function repeatedNames({ stages }: PipelineData): Fault[] {
  const faults: Fault[] = [];
  for (const [at, { name, table, connection, measures }] of stages.entries()) {
    const before = stages.slice(0, at);
    if (before.some((each) => each.name === name))
      faults.push({
        path: ['data', 'stages', at, 'name'],
        message: `names ${name}, as a stage before it does`,
      });
    if (before.some((each) => each.connection === connection && isSameTable(each.table, table)))
      faults.push({
        path: ['data', 'stages', at, 'table'],
        message: 'is the table of a stage before it: each stage has its own',
      });
    const names = measures.map((measure) => measure.name);
    if (new Set(names).size < names.length)
      faults.push({ path: ['data', 'stages', at, 'measures'], message: 'names a measure twice' });
  }
  return faults;
}

function isSameTable(one: TableName, other: TableName): boolean {
  return one.join('.') === other.join('.');
}

/** Keys are compared column by column, in their order. */
function otherKeys({ stages, source, rejects, setAside }: PipelineData): Fault[] {
  const { key, name } = stages[0];
  const others: [Fault['path'], readonly string[] | undefined][] = [
    ...stages.map((each, at): [Fault['path'], readonly string[]] => [
      ['data', 'stages', at, 'key'],
      each.key,
    ]),
    [['data', 'source', 'key'], source?.key],
    [['data', 'rejects', 'key'], rejects?.key],
    [['data', 'setAside', 'key'], setAside?.key],
  ];
  return others.flatMap(([path, other]) =>
    other === undefined || other.length === key.length
      ? []
      : [
          {
            path,
            message: `has ${counted(other.length)}, and the key of stage ${name} has ${key.length}`,
          },
        ],
  );
}

function counted(columns: number): string {
  return columns === 1 ? '1 column' : `${columns} columns`;
}

function otherMeasures({ stages, checkpoints }: PipelineData): Fault[] {
  if (!checkpoints) return [];
  return stages.flatMap(({ name, measures }) => {
    const known = measures.map((measure) => measure.name);
    return Object.keys(checkpoints.sums)
      .filter((sum) => !known.includes(sum))
      .map((sum) => ({
        path: ['data', 'checkpoints', 'sums', sum],
        message: `is claimed, and stage ${name} has no measure of that name${meant(sum, known)}`,
      }));
  });
}

function meant(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== undefined) return `; is it ${near}?`;
  return known.length === 0 ? '' : `; it has ${known.join(', ')}`;
}

/** Batches, their checkpoints and their quarantine go together. */
function halfClaimed(data: PipelineData): Fault[] {
  const { stages, checkpoints, quarantine } = data;
  const faults: Fault[] = [];
  for (const [at, { name, batch }] of stages.entries()) {
    if ((batch === undefined) === (checkpoints === undefined)) continue;
    faults.push({
      path: ['data', 'stages', at],
      message: checkpoints
        ? `is of ${name}, which has no \`batch\`, and the checkpoints claim batches`
        : `is of ${name}, whose batches nothing claims: there are no \`checkpoints\``,
    });
  }
  if (checkpoints && !quarantine)
    faults.push({
      path: ['data', 'checkpoints'],
      message: 'claim what may be corrupt, and `data.quarantine` does not say where that goes',
    });
  if (checkpoints?.table && quarantine && !quarantine.checkpoints)
    faults.push({
      path: ['data', 'quarantine'],
      message: 'does not say where `checkpoints` go, which are in a table',
    });
  return [...faults, ...keptOfQuery(data)];
}

/** Only claims in a table are moved. */
function keptOfQuery({ checkpoints, quarantine }: PipelineData): Fault[] {
  if (checkpoints?.query === undefined || !quarantine?.checkpoints) return [];
  return [
    {
      path: ['data', 'quarantine', 'checkpoints'],
      message: 'keeps checkpoints that are moved out of a table, and a query returns these',
    },
  ];
}

/** The names of connections that the target does not have. */
export function faultsOfConnections({ run, data }: Pipeline, known: readonly string[]): Fault[] {
  const { stages, source, checkpoints, rejects, setAside } = data;
  const jobs = run.http?.jobs.in === 'table' ? run.http.jobs : undefined;
  const used: [Fault['path'], { connection?: string | undefined } | undefined][] = [
    ...stages.map((each, at): (typeof used)[number] => [['data', 'stages', at], each]),
    ...Object.entries({ source, checkpoints, rejects, setAside }).map(
      ([name, each]): (typeof used)[number] => [['data', name], each],
    ),
    [['run', 'http', 'jobs'], jobs],
  ];
  return used.flatMap(([path, each]) => {
    const name = each?.connection;
    if (name === undefined || known.includes(name)) return [];
    return [
      {
        path: [...path, 'connection'],
        message: `names ${name}, and the target has no such connection${meant(name, known)}`,
      },
    ];
  });
}

function faultsOfApi(http: HttpRun, data: PipelineData): Fault[] {
  return [...withoutRecord(http, data), ...wrongPlaceholders(http, data)];
}

/** Rows of datasets are told apart by what tells the dataset of a job. */
function withoutDataset({ http, airflow }: Pipeline['run'], data: PipelineData): Fault[] {
  if (!http && !airflow) return [];
  const isNamed = (http ? http.jobs : airflow)?.dataset !== undefined;
  const place = http ? ['run', 'http', 'jobs'] : ['run', 'airflow'];
  const isTold = (each: { dataset?: string | undefined } | undefined): boolean =>
    each?.dataset !== undefined;
  const { stages, source, checkpoints, rejects, setAside } = data;
  const any = [data, ...stages, source, checkpoints, rejects, setAside].some(isTold);
  if (any === isNamed) return [];
  return isNamed
    ? [
        {
          path: [...place, 'dataset'],
          message: 'tells the dataset of a job, and no table of `data` has a column for it',
        },
      ]
    : [
        {
          path: ['data', 'dataset'],
          message:
            `tells datasets apart, and \`${place.join('.')}\` ` +
            'does not say which one a job is about',
        },
      ];
}

/** A record is set aside by its key, which the status of the job has to tell. */
function withoutRecord(http: HttpRun, data: PipelineData): Fault[] {
  if (http.poison.length === 0) return [];
  const path = ['run', 'http', 'poison'];
  const { code, record } = http.status;
  const faults: Fault[] = [];
  if (code === undefined)
    faults.push({ path, message: 'names error codes, and `status` has no `code`' });
  if (record === undefined)
    faults.push({
      path,
      message: 'says that records can fail, and `status` does not tell the `record`',
    });
  if (!data.setAside)
    faults.push({
      path,
      message: 'says that records can fail, and `data.setAside` does not say where their keys go',
    });
  return faults;
}

/** A way to stop what was restarted needs the job or the key of its restart. */
function wrongPlaceholders(http: HttpRun, data: PipelineData): Fault[] {
  const faults: Fault[] = [];
  const { stop, restart, validate } = http;
  if (stop && placeholdersOf(stop).length === 0)
    faults.push({
      path: ['run', 'http', 'stop', 'path'],
      message: 'names neither {job} nor {key}: what is to be stopped?',
    });
  if (stop && placeholdersOf(stop).includes('key') && !restart.idempotent)
    faults.push({
      path: ['run', 'http', 'stop', 'path'],
      message: 'names {key}, which only a restart with `idempotent: true` sends',
    });
  if (!placeholdersOf(restart).includes('stage') && data.stages.length > 1)
    faults.push({
      path: ['run', 'http', 'restart'],
      message: 'does not say {stage}: the job would go on from where it thinks it is',
    });
  const isNamed = http.jobs.dataset !== undefined;
  for (const [name, request] of Object.entries({ restart, validate }))
    if (request && !isNamed && placeholdersOf(request).includes('dataset'))
      faults.push({
        path: ['run', 'http', name, 'path'],
        message: 'names {dataset}, and `jobs` does not tell it',
      });
  return faults;
}
