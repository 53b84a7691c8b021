import type { Json } from './json.js';
import { field } from './objects.js';

/*
 * What targets.yaml declares of a pipeline: what its data is, and how it is run. Plain data, part
 * of a target and of every plan that names it.
 */

/** One or two identifiers: a table, or a schema and a table. As the database stores them. */
export type TableName = readonly string[];

/** Dotted path of a value in a JSON answer, such as `error.code`. */
export type FieldPath = string;

/** A number of each row that is summed: its name, and the column that holds it. */
export interface Measure {
  name: string;
  column: string;
}

/** A table that belongs to the pipeline. */
export interface DeclaredTable {
  table: TableName;
  /** The column that tells datasets apart; absent: that of `data.dataset`, if there is one. */
  dataset?: string | undefined;
  /** The connection of the target by which it is reached; absent: its `postgres`. */
  connection?: string | undefined;
}

/**
 * A stage: what a batch of the stage before becomes. Batch b of a stage is made of batch b of the
 * stage before; batches are numbered from 1. Without batches a stage is made as a whole.
 */
export interface PipelineStage extends DeclaredTable {
  /** As the job API calls it. */
  name: string;
  key: readonly string[];
  /** The column with the number of the batch that wrote the row. */
  batch?: string | undefined;
  /** Of two rows with one key in one batch, that with the lower value came first. */
  order?: string | undefined;
  measures: readonly Measure[];
  /** How old its newest row may be, by the column that tells when a row is of. */
  fresh?: { column: string; withinMs: number } | undefined;
  /** It may hold a key more than once, as its source does. */
  repeats: boolean;
}

/** What the stages claim to have done, a row for each batch; these are the columns of the row. */
interface Claims {
  dataset?: string | undefined;
  connection?: string | undefined;
  /** The column with the name of the stage. */
  stage: string;
  batch: string;
  /** Of several claims about one batch, that with the highest value counts. */
  order?: string | undefined;
  rows?: string | undefined;
  /** The columns that claim sums, by the names of the measures. */
  sums: Readonly<Record<string, string>>;
  /** The column that claims a checksum over keys and measures. */
  checksum?: string | undefined;
  /** What is claimed counts from the first batch on; else each batch counts for itself. */
  cumulative: boolean;
}

/** Claims that stand in a table, and can be moved out of it. */
export type CheckpointTable = Claims & { table: TableName; query?: undefined };

/** Claims that a query returns: one row for each batch of a stage. They stay as they are. */
export type CheckpointQuery = Claims & { query: string; table?: undefined; order?: undefined };
export type Checkpoints = CheckpointTable | CheckpointQuery;

/** Records that a stage left out on purpose. */
interface RejectTable extends DeclaredTable {
  key: readonly string[];
  /** The column with the name of the stage that left it out. */
  stage?: string | undefined;
  reason?: string | undefined;
  /** Reasons that say that the record came a second time: its key has gone on. */
  repeated: readonly string[];
}

/** Keys that a job leaves out because somebody said so. */
interface SetAsideTable extends DeclaredTable {
  key: readonly string[];
  reason: string;
}

/** Where what is corrupt is kept, in each database by the same names. */
interface Quarantine {
  /** Rows, in the database of their stage. */
  rows: TableName;
  /** Checkpoints, in the database that they are in; absent: a query returns them. */
  checkpoints?: TableName | undefined;
}

/** The data of a pipeline, in the databases of its target. */
export interface PipelineData {
  /** The column that tells datasets apart, in every table that does not say otherwise. */
  dataset?: string | undefined;
  stages: readonly [PipelineStage, ...PipelineStage[]];
  /** What the first stage reads, where it is in one of these databases. */
  source?: (DeclaredTable & { key: readonly string[] }) | undefined;
  /** Absent: a stage is good or bad as a whole, and what is bad is made anew. */
  checkpoints?: Checkpoints | undefined;
  rejects?: RejectTable | undefined;
  setAside?: SetAsideTable | undefined;
  quarantine?: Quarantine | undefined;
}

/** A stage whose rows say which batch wrote them. */
export type BatchStage = PipelineStage & { batch: string };

/** Data whose checkpoints say which batches are done. */
export type ClaimedData = Omit<PipelineData, 'stages' | 'checkpoints' | 'quarantine'> & {
  stages: readonly [BatchStage, ...BatchStage[]];
  checkpoints: Checkpoints;
  quarantine: Quarantine;
};

/** Whether checkpoints claim what is done. */
export function isClaimed(data: PipelineData): data is ClaimedData {
  return data.checkpoints !== undefined;
}

/**
 * The connections by which the data is reached, each once; undefined is the `postgres` of the
 * target. Those that hold stages come first, in the order of the stages.
 */
export function connectionsOf({
  stages,
  source,
  checkpoints,
  rejects,
  setAside,
}: PipelineData): (string | undefined)[] {
  const used = [...stages, source, checkpoints, rejects, setAside];
  return [...new Set(used.flatMap((each) => (each ? [each.connection] : [])))];
}

/** The table as people read it, with the connection by which it is reached. */
export function tableWords({ table, connection }: Omit<DeclaredTable, 'dataset'>): string {
  return `${table.join('.')}${connection === undefined ? '' : ` at ${connection}`}`;
}

/** The words in which the orchestrator tells the state of a job. */
export interface JobStates {
  running: readonly string[];
  completed: readonly string[];
  failed: readonly string[];
  /** Ended by somebody, with its data as they were. */
  stopped: readonly string[];
}

/** A list of the jobs, in a table of one of the target's databases. */
export interface JobTable {
  in: 'table';
  table: TableName;
  connection?: string | undefined;
  /** Columns. */
  id: string;
  status: string;
  created: string;
  stage?: string | undefined;
  dataset?: string | undefined;
  /** Only rows with these values are jobs of this pipeline. */
  where: Readonly<Record<string, string | number | boolean>>;
}

/** A list of the jobs that the job API gives. */
export interface JobList {
  in: 'api';
  path: string;
  query: Readonly<Record<string, string | number>>;
  /** Where the list is in the answer; absent: the answer is the list. */
  list?: FieldPath | undefined;
  id: FieldPath;
  status: FieldPath;
  created: FieldPath;
  stage?: FieldPath | undefined;
  dataset?: FieldPath | undefined;
}

/** A request that changes something. */
export interface DeclaredRequest {
  path: string;
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  query: Readonly<Record<string, string | number>>;
  /** Text that is a placeholder and nothing else stands for its value. */
  json?: Json | undefined;
}

/** A job API. */
export interface HttpRun {
  states: JobStates;
  /** Asked first, whatever it answers: whether the API is there, and accepts the token. */
  ping?: string | undefined;
  jobs: JobTable | JobList;
  status: {
    path: string;
    status: FieldPath;
    stage?: FieldPath | undefined;
    code?: FieldPath | undefined;
    message?: FieldPath | undefined;
    /** The record that the job could not process. */
    record?: FieldPath | undefined;
    progress?: FieldPath | undefined;
  };
  log?: { path: string } | undefined;
  restart: DeclaredRequest & {
    /** Where the answer names the job that was started. */
    job: FieldPath;
    /** One `Idempotency-Key` starts one job, however often it is sent. */
    idempotent: boolean;
    /** A job that has completed can be restarted, too. */
    completed: boolean;
  };
  stop?:
    | (DeclaredRequest & {
        /** Statuses, beside those of success, that say that the job does not run. */
        ended: readonly number[];
      })
    | undefined;
  validate?: { path: string; valid: FieldPath; missing?: FieldPath | undefined } | undefined;
  /** The error codes that say that one record cannot be processed. */
  poison: readonly string[];
}

/** A dbt project on the hosts of the workers. */
export interface DbtRun {
  /** The program, as an absolute path. */
  program: string;
  /** The folder of the project. */
  project: string;
  /** The folder with profiles.yml; absent: the project's. */
  profiles?: string | undefined;
  /** The target of the profile; absent: its default. */
  target?: string | undefined;
}

/** A DAG of Airflow 3. */
export interface AirflowRun {
  dag: string;
  /** The tasks that make a stage; a stage that is not named has a task of its own name. */
  tasks: Readonly<Record<string, readonly string[]>>;
  /** What of a DAG run tells its dataset: one of its fields, or `conf.NAME`. */
  dataset?: string | undefined;
  /** The DAGs whose data this one reads: many are recovered in this order. */
  upstream: readonly string[];
  /** The key of the XCom in which a task names the record that it could not process. */
  record?: string | undefined;
  /** Which version of the DAG a cleared task runs: that of its DAG run, or the newest. */
  version: 'run' | 'newest';
}

/** The tasks that make a stage. */
export function tasksOf({ tasks }: AirflowRun, stage: string): readonly string[] {
  return field(tasks, stage) ?? [stage];
}

/** A program on the hosts of the workers, which knows how the pipeline is run. */
export interface ProgramRun {
  /** As an absolute path. */
  path: string;
  /** Arguments that stand before its verbs. */
  args: readonly string[];
  /** It can stop a job that it has restarted. */
  stops: boolean;
  /** It restarts a job that has completed, too. */
  restartsCompleted: boolean;
}

/** How a pipeline is run: in one of these ways. */
interface PipelineRuns {
  http: HttpRun;
  dbt: DbtRun;
  airflow: AirflowRun;
  program: ProgramRun;
}
type PipelineRun = {
  [Way in keyof PipelineRuns]: Pick<PipelineRuns, Way> &
    Partial<Record<Exclude<keyof PipelineRuns, Way>, undefined>>;
}[keyof PipelineRuns];

/** The name of a way to run a pipeline. */
export type RunBy = keyof PipelineRun;

export interface Pipeline {
  run: PipelineRun;
  data: PipelineData;
}

/** Names in curly brackets that a request may hold, by what it asks for. */
export const placeholders = {
  ping: [],
  jobs: [],
  status: ['job'],
  log: ['job'],
  restart: ['job', 'stage', 'batch', 'next_batch', 'dataset'],
  stop: ['job', 'key'],
  validate: ['dataset'],
} as const satisfies Record<string, readonly string[]>;

/** The names in curly brackets in the text. */
export function placeholdersIn(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
}

/** The same in all of a request. */
export function placeholdersOf(request: object): string[] {
  return placeholdersIn(JSON.stringify(request));
}

/** What is wrong between two places of a declaration, each of which is right by itself. */
export interface Fault {
  path: (string | number)[];
  message: string;
}
