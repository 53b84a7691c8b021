import type { JobRow } from '../../common/answers.js';
import { ProcedureStopped } from '../engine/outcome.js';
import { failedJob } from '../pipeline-recovery/found-jobs.js';

/*
 * Which DAG runs are recovered, and in which order. Pure functions: the same answers, the same
 * order.
 */

/** What is known of the DAG of a pipeline. */
export interface DagState {
  pipeline: string;
  dag: string;
  /** DAGs whose data it reads. */
  upstream: readonly string[];
  /** A task of it waits for the DAG run before its own. */
  isInTurn: boolean;
  /** Newest first. */
  jobs: readonly JobRow[];
}

/** A DAG run that has failed. */
export type FailedRun = {
  /** Its name among all of them. */
  id: string;
  pipeline: string;
  job: string;
  dataset: string | null;
  due: string;
  /** Names of those that have to be recovered before it. */
  after: string[];
};

/** Which of the failed DAG runs are wanted. */
export interface Wanted {
  /** Ids of DAG runs; empty: all. */
  jobs: readonly string[];
  /** Only those that were due from here on, in milliseconds since 1970. */
  sinceMs: number;
  /** So many, the oldest. */
  atMost: number;
}

/** The chosen DAG runs in their order, and how many there are beyond them. */
export type Chosen = { runs: FailedRun[]; beyond: number };

/**
 * The failed DAG runs, the oldest data first: of each dataset the newest one, where that has
 * failed.
 * @throws ProcedureStopped where there is none, one that is asked for cannot be recovered, or DAGs
 *   read one another's data
 */
export function chooseRuns(dags: readonly DagState[], wanted: Wanted): Chosen {
  const isDue = ({ created }: JobRow): boolean => Date.parse(created) >= wanted.sinceMs;
  // DAG runs of several DAGs may have one id.
  const isAsked = ({ id, status }: JobRow): boolean =>
    wanted.jobs.includes(id) && status === 'failed';
  const rows = dags
    .flatMap(({ pipeline, jobs }) => {
      const found =
        wanted.jobs.length > 0
          ? jobs.filter(isAsked).map(({ id }) => failedJob(jobs, id))
          : newestFailed(jobs).filter(isDue);
      return found.map((row) => ({ pipeline, row }));
    })
    .sort((one, other) => Date.parse(one.row.created) - Date.parse(other.row.created));
  assertFound(
    wanted,
    rows.map(({ row }) => row.id),
  );
  const chosen = rows.slice(0, wanted.atMost).map(({ pipeline, row }) => ({
    ...{ id: `${pipeline} ${row.id}`, pipeline, job: row.id, dataset: row.dataset },
    ...{ due: row.created, after: [] },
  }));
  const runs = chosen.map((run, at) => ({
    ...run,
    after: before(run, chosen.slice(0, at), chosen, dags),
  }));
  assertOrdered(runs);
  return { runs, beyond: rows.length - runs.length };
}

/** Of each dataset the newest job, where that has failed. */
function newestFailed(jobs: readonly JobRow[]): JobRow[] {
  const active = jobs.filter(({ status }) => status !== 'stopped');
  return active.filter(
    (job) =>
      job.status === 'failed' && active.find(({ dataset }) => dataset === job.dataset) === job,
  );
}

/** @param older than it, the newest last */
function before(
  run: FailedRun,
  older: readonly FailedRun[],
  all: readonly FailedRun[],
  dags: readonly DagState[],
): string[] {
  const own = dags.find(({ pipeline }) => pipeline === run.pipeline);
  if (!own) return [];
  const last = older.findLast(({ pipeline }) => pipeline === run.pipeline);
  const sources = dags.filter(({ dag }) => own.upstream.includes(dag));
  return [
    ...(own.isInTurn && last ? [last.id] : []),
    ...all
      .filter(({ pipeline }) => sources.some((source) => source.pipeline === pipeline))
      .map(({ id }) => id),
  ];
}

/**
 * The next DAG runs to clear: the first that wait for none which is not recovered.
 * @param left in their order
 * @param recovered their names
 */
export function nextBatch(
  left: readonly FailedRun[],
  recovered: ReadonlySet<string>,
  atOnce: number,
): FailedRun[] {
  return left.filter(({ after }) => after.every((id) => recovered.has(id))).slice(0, atOnce);
}

function assertFound({ jobs, sinceMs }: Wanted, found: readonly string[]): void {
  const absent = jobs.filter((id) => !found.includes(id));
  if (absent.length > 0)
    throw new ProcedureStopped(
      `no failed DAG run among the newest 100 of each pipeline is called ${absent.join(', ')}`,
      'Nothing was changed. `airflow dags list-runs` names the DAG runs, and how they ended.',
    );
  if (found.length > 0) return;
  throw new ProcedureStopped(
    `no DAG run is left failed that was due since ${new Date(sinceMs).toISOString()}`,
    'Nothing was changed. For older ones give --input since=7d, or name them: --input jobs=RUN_ID.',
  );
}

/** @throws ProcedureStopped where some wait for one another */
function assertOrdered(runs: readonly FailedRun[]): void {
  const done = new Set<string>();
  for (;;) {
    const left = runs.filter(({ id }) => !done.has(id));
    const next = nextBatch(left, done, left.length);
    if (left.length === 0) return;
    if (next.length === 0)
      throw new ProcedureStopped(
        'there is no order: ' +
          `${[...new Set(left.map(({ pipeline }) => pipeline))].join(', ')} read one ` +
          "another's data",
        'Nothing was changed. Correct `run.airflow.upstream` of these targets in ' +
          'targets.yaml of every worker.',
      );
    for (const { id } of next) done.add(id);
  }
}
