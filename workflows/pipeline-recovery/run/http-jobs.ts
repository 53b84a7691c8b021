import { jobStates, type JobState, type JobRow } from '../../../common/answers.js';
import type { Json, JsonObject } from '../../../language/json.js';
import type { HttpAction } from '../../../language/kinds/http.js';
import { isObject } from '../../../language/objects.js';
import type { HttpRun, JobList, JobStates } from '../../../language/pipeline.js';
import { ProcedureStopped } from '../../engine/outcome.js';
import { askedFor, jobAskedFor } from './known.js';
import type { Question } from './runner.js';
import { textIn, valueIn } from './values.js';

/* The jobs of a job API, as it lists them or tells them one by one. */

/** Statuses that say that there is no such job; any other refusal says nothing of it. */
const unknown = [404, 410];
export const isUnknown = `out.status in ${JSON.stringify(unknown)}`;
/** Statuses that answer what a job is. */
export const statusesOfJob = [200, 201, 202, 203, ...unknown];

/** The requests of a job API. */
interface Requests {
  get: (path: string) => HttpAction;
  ofJob: (job: string) => HttpAction;
}

/**
 * The jobs that the API lists; and, where its list does not go back so far, the one asked for.
 */
export function listedJobs(
  http: HttpRun,
  jobs: JobList,
  { get, ofJob }: Requests,
  wanted: string | undefined,
): Question<JobRow[]> {
  const list = jobs.list === undefined ? 'out.json' : valueIn('out.json', jobs.list);
  const listed = `${list}.map(job, ${rowIn('job', jobs)})`;
  const { status, stage } = http.status;
  const asked = rowIn('out.json', { ...jobs, status, stage });
  return {
    parts: {
      status: {
        action: { ...get(jobs.path), query: jobs.query },
        outputs: { jobs: { cel: listed } },
      },
      ...askedFor(wanted, ofJob, isUnknown, asked),
    },
    read: (answers) => {
      const rows = rowsOf(http.states, (answers['status'] as JsonObject | null)?.['jobs']);
      const isListed = rows.some(({ id }) => id === wanted);
      const job = jobAskedFor(answers);
      if (wanted === undefined || isListed || !job) return newestFirst(rows);
      if (jobs.dataset !== undefined && text(job['dataset']) === null)
        throw new ProcedureStopped(
          `which dataset job ${wanted} works on is not known: it is not among the jobs that ` +
            'the API lists, and what the API tells of it alone does not say so',
          'Nothing was changed. Let the list go back so far: `run.http.jobs.query` of the ' +
            'target, in targets.yaml of every worker.',
        );
      // What is not timed is older than all that are listed.
      const row = { ...job, id: wanted, created: text(job['created']) ?? '0' };
      return newestFirst([...rows, ...rowsOf(http.states, [row])]);
    },
  };
}

/** A job as a row of a list, as text: an expression. */
function rowIn(
  job: string,
  fields: Pick<JobList, 'id' | 'status' | 'created' | 'stage' | 'dataset'>,
): string {
  const names = ['id', 'status', 'created', 'stage', 'dataset'] as const;
  return `{${names.map((name) => `"${name}": ${textIn(job, fields[name])}`).join(', ')}}`;
}

/** @throws ProcedureStopped where there is no list */
export function rowsOf(states: JobStates, rows: Json | undefined): JobRow[] {
  if (!Array.isArray(rows))
    throw new ProcedureStopped(
      'which jobs there are is not known: their list has no answer',
      'Nothing was changed. Start the runbook again.',
    );
  return rows.filter(isObject).map((row) => {
    const id = text(row['id']) ?? 'without an id';
    return {
      id,
      status: stateOf(states, id, text(row['status'])),
      stage: text(row['stage']),
      dataset: text(row['dataset']),
      created: text(row['created']) ?? '',
    };
  });
}

/**
 * An API may list its jobs in any order.
 * @throws ProcedureStopped where it does not tell their times
 */
function newestFirst(rows: JobRow[]): JobRow[] {
  const times = new Map(rows.map((row) => [row, timeOf(row)]));
  return rows.sort((one, other) => (times.get(other) ?? 0) - (times.get(one) ?? 0));
}

function timeOf({ id, created }: JobRow): number {
  const number = created === '' ? NaN : Number(created);
  const time = Number.isNaN(number) ? Date.parse(created) : number;
  if (!Number.isNaN(time)) return time;
  throw new ProcedureStopped(
    `when job ${id} was created is not known: ${JSON.stringify(created)} is no time`,
    'Nothing was changed. Name the field with the time in `run.http.jobs.created` of the target.',
  );
}

export function stateOf(states: JobStates, job: string, word: string | null): JobState {
  for (const state of jobStates) if (word !== null && states[state].includes(word)) return state;
  throw new ProcedureStopped(
    word === null
      ? `the state of job ${job} is not known: nothing tells it`
      : `job ${job} is in state ${JSON.stringify(word)}, which the pipeline does not declare`,
    'Nothing was changed since. Name the word in `run.http.states` of the target, in ' +
      'targets.yaml of every worker; then start the runbook again.',
  );
}

/** Text, or null for anything else. */
export function text(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
