import { jobStates, type JobState, type JobRow } from '../../../common/answers.js';
import type { Json, JsonObject } from '../../../language/json.js';
import type { HttpAction } from '../../../language/kinds/http.js';
import { isObject } from '../../../language/objects.js';
import {
  placeholdersIn,
  placeholdersOf,
  type DeclaredRequest,
  type HttpRun,
  type JobStates,
} from '../../../language/pipeline.js';
import { later } from '../../../language/reference.js';
import type { Work } from '../../engine/attempts.js';
import { ProcedureStopped } from '../../engine/outcome.js';
import type { JobStatus } from '../findings.js';
import { recentJobs } from '../queries/jobs.js';
import { by } from '../queries/parts.js';
import type { DeclaredPipeline, Runner } from './runner.js';
import { filledIn, textIn, valueIn } from './values.js';

const pollMs = 500;

/** A pipeline that a job API runs, with its paths and fields as they are declared. */
export function httpRunner({ name: target }: DeclaredPipeline, http: HttpRun): Runner {
  const get = (path: string, params: Record<string, string> = {}): HttpAction => ({
    ...{ kind: 'http', target, method: 'GET', path, params },
  });
  const stopBy = (name: 'job' | 'key', value: string): HttpAction | undefined =>
    http.stop && placeholdersOf(http.stop).includes(name)
      ? {
          ...sent(target, http.stop, { [name]: value }),
          idempotent: true,
          statuses: [200, 201, 202, 204, ...http.stop.ended],
        }
      : undefined;
  const statusOutputs = statusFields(http, 'out.json');

  return {
    stops: http.stop !== undefined,
    recoversCompleted: http.restart.completed,

    jobs(wanted) {
      const ping: Record<string, Work> = http.ping ? { status: { action: get(http.ping) } } : {};
      const { jobs } = http;
      if (jobs.in === 'table') {
        const asked = { statements: [recentJobs(jobs, wanted)] };
        return {
          parts: {
            ...ping,
            jobs: { action: { ...{ kind: 'sql', target }, ...by(jobs.connection), ...asked } },
          },
          read: (answers) => rowsOf(http.states, (answers['jobs'] as JsonObject | null)?.['jobs']),
        };
      }
      const list = jobs.list === undefined ? 'out.json' : valueIn('out.json', jobs.list);
      const fields = {
        id: jobs.id,
        status: jobs.status,
        created: jobs.created,
        stage: jobs.stage,
        dataset: jobs.dataset,
      };
      const row = Object.entries(fields).map(([name, path]) => `"${name}": ${textIn('job', path)}`);
      const cel = `${list}.map(job, {${row.join(', ')}})`;
      return {
        parts: {
          status: { action: { ...get(jobs.path), query: jobs.query }, outputs: { jobs: { cel } } },
        },
        read: (answers) =>
          newestFirst(rowsOf(http.states, (answers['status'] as JsonObject | null)?.['jobs'])),
      };
    },

    look: (job) => ({
      parts: {
        message: { action: get(http.status.path, { job }), outputs: statusOutputs },
        ...(http.log ? { log: { action: get(http.log.path, { job }) } } : {}),
      },
      read: (answers) => statusOf(http, job, answers['message'] ?? null),
    }),

    restart: (key, { id: job, dataset }, { stage, batch }) => {
      const undo = stopBy('key', key);
      return {
        step: 'restart',
        work: {
          action: {
            ...sent(target, http.restart, {
              ...{ job, stage, batch, dataset },
              next_batch:
                typeof batch === 'number' ? batch + 1 : later('steps.checkpoint.batch + 1'),
            }),
            ...(http.restart.idempotent ? { idempotencyKey: true } : {}),
            pick: { job: http.restart.job },
          },
          ...(undo ? { undo } : {}),
        },
      };
    },

    restarted(answer) {
      const job = isObject(answer) ? answer['job'] : undefined;
      if (typeof job === 'string' || typeof job === 'number') return String(job);
      throw new ProcedureStopped(
        'which job was started is not known: the restart has no answer',
        'Look at the jobs of the pipeline. Once they have ended, start the runbook again.',
      );
    },

    hold(job) {
      const undo = stopBy('job', job);
      if (!undo) return null;
      // It changes nothing itself: its undo does.
      const action = { ...get(http.status.path, { job }), idempotent: true };
      return { step: 'hold', work: { action, undo } };
    },

    follow: (job, timeoutMs) => {
      const { completed, failed, stopped } = http.states;
      return {
        step: 'follow',
        work: {
          action: {
            kind: 'check',
            probe: get(http.status.path, { job }),
            until: {
              cel: `${textIn('out.json', http.status.status)} in ended`,
              given: { ended: [...completed, ...failed, ...stopped] },
            },
            everyMs: pollMs,
            progress: [http.status.status, http.status.progress].flatMap((path) =>
              path === undefined ? [] : [`json.${path}`],
            ),
          },
          outputs: statusOutputs,
          timeoutMs,
        },
      };
    },

    followed: (job, answer) => statusOf(http, job, answer),

    validate(dataset, tolerance) {
      if (!http.validate) return null;
      const { path, valid, missing } = http.validate;
      const asksMissing = tolerance > 0 && missing !== undefined;
      return {
        action: get(path, dataset === null ? {} : { dataset }),
        expect: [
          {
            condition: asksMissing
              ? { cel: `${valueIn('out.json', missing)} <= tolerance`, given: { tolerance } }
              : { cel: `${valueIn('out.json', valid)} == true` },
            otherwise: 'the service finds the recovered data invalid',
            next: 'Look at the problems in the output of this step.',
          },
        ],
      };
    },
  };
}

function text(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

/** A declared request with its values: in its path encoded, elsewhere as they are. */
function sent(
  target: string,
  { method, path, query, json }: DeclaredRequest,
  values: Readonly<Record<string, Json>>,
): HttpAction {
  const params = placeholdersIn(path).map((name) => [name, values[name]] as [string, string]);
  return {
    ...{ kind: 'http', target, method, path, params: Object.fromEntries(params) },
    ...(Object.keys(query).length > 0
      ? { query: filledIn(query, values) as Record<string, string> }
      : {}),
    ...(json === undefined ? {} : { json: filledIn(json, values) }),
  };
}

function statusFields({ status: fields }: HttpRun, answer: string): NonNullable<Work['outputs']> {
  return {
    status: { cel: textIn(answer, fields.status) },
    stage: { cel: textIn(answer, fields.stage) },
    code: { cel: textIn(answer, fields.code) },
    message: { cel: textIn(answer, fields.message) },
    record: { cel: valueIn(answer, fields.record) },
  };
}

/** @throws ProcedureStopped for a word that is not declared, and where nobody has answered */
function statusOf({ states, poison }: HttpRun, job: string, answer: Json): JobStatus {
  const { status, stage, code, message, record } = isObject(answer) ? answer : {};
  return {
    id: job,
    status: stateOf(states, job, text(status)),
    stage: text(stage),
    error:
      text(code) === null && text(message) === null
        ? null
        : {
            code: text(code) ?? 'error',
            message: text(message) ?? 'no message',
            record: isObject(record) ? record : null,
            isPoison: poison.includes(text(code) ?? ''),
          },
  };
}

/** @throws ProcedureStopped where there is no list */
function rowsOf(states: JobStates, rows: Json | undefined): JobRow[] {
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

function stateOf(states: JobStates, job: string, word: string | null): JobState {
  for (const state of jobStates) if (word !== null && states[state].includes(word)) return state;
  throw new ProcedureStopped(
    word === null
      ? `the state of job ${job} is not known: nothing tells it`
      : `job ${job} is in state ${JSON.stringify(word)}, which the pipeline does not declare`,
    'Nothing was changed since. Name the word in `run.http.states` of the target, in targets.yaml of every worker; then start the runbook again.',
  );
}
