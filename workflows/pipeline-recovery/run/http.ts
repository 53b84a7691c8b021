import type { Expectation } from '../../../common/attempt.js';
import type { Json, JsonObject } from '../../../language/json.js';
import type { HttpAction } from '../../../language/kinds/http.js';
import { isObject } from '../../../language/objects.js';
import {
  placeholdersIn,
  placeholdersOf,
  type DeclaredRequest,
  type HttpRun,
} from '../../../language/pipeline.js';
import { later } from '../../../language/reference.js';
import type { Work } from '../../engine/attempts.js';
import { ProcedureStopped } from '../../engine/outcome.js';
import type { JobStatus } from '../findings.js';
import { recentJobs } from '../queries/jobs.js';
import { by } from '../queries/parts.js';
import type { DeclaredPipeline, Runner } from './runner.js';
import { isUnknown, listedJobs, rowsOf, stateOf, statusesOfJob, text } from './http-jobs.js';
import { jobIsKnown } from './known.js';
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
  const ofJob = (job: string): HttpAction => ({
    ...get(http.status.path, { job }),
    statuses: statusesOfJob,
  });
  const known = (job: string): Expectation[] => [jobIsKnown(`!(${isUnknown})`, job, 'the job API')];

  return {
    stops: http.stop !== undefined,
    recoversCompleted: http.restart.completed,
    ...(http.jobs.in === 'api' ? { lists: 'its job API' } : {}),

    jobs: (wanted) => {
      const { jobs } = http;
      if (jobs.in === 'api') return listedJobs(http, jobs, { get, ofJob }, wanted);
      const asked = { statements: [recentJobs(jobs, wanted)] };
      const table: Work = {
        action: { ...{ kind: 'sql', target }, ...by(jobs.connection), ...asked },
      };
      const ping: Record<string, Work> = http.ping ? { status: { action: get(http.ping) } } : {};
      return {
        parts: { ...ping, jobs: table },
        read: (answers) => rowsOf(http.states, (answers['jobs'] as JsonObject | null)?.['jobs']),
      };
    },

    look: (job) => ({
      parts: {
        message: { action: ofJob(job), outputs: statusOutputs, expect: known(job) },
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
            probe: ofJob(job),
            until: {
              cel: `${isUnknown} || ${textIn('out.json', http.status.status)} in ended`,
              given: { ended: [...completed, ...failed, ...stopped] },
            },
            everyMs: pollMs,
            progress: [http.status.status, http.status.progress].flatMap((path) =>
              path === undefined ? [] : [`json.${path}`],
            ),
          },
          outputs: statusOutputs,
          expect: known(job),
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
