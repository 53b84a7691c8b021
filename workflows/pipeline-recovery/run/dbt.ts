import type { Json, JsonObject } from '../../../language/json.js';
import type { CommandAction } from '../../../language/kinds/command.js';
import { isObject } from '../../../language/objects.js';
import type { DbtRun } from '../../../language/pipeline.js';
import { runByWords } from '../../../language/run-by.js';
import { ProcedureStopped } from '../../engine/outcome.js';
import type { JobRow } from '../../../common/answers.js';
import type { JobStatus } from '../findings.js';
import {
  buildFor,
  dbtPreview,
  diedCode,
  isBuiltAnew,
  modelsIn,
  nameOf,
  selecting,
} from './dbt-build.js';
import type { DeclaredPipeline, Runner } from './runner.js';

/** Of dbt's files the first so many bytes say which run wrote them. */
const headBytes = 1_000;

const failing = ['error', 'fail', 'skipped', 'runtime error', 'partial success'];

/**
 * A dbt project on the workers' hosts. A job is an invocation of dbt: its manifest says that it
 * began, its results how it ended.
 */
export function dbtRunner({ name: target, pipeline }: DeclaredPipeline, dbt: DbtRun): Runner {
  const { project } = dbt;
  const stages = pipeline.data.stages.map(({ name }) => name);
  const read = (argv: readonly string[], more: Partial<CommandAction> = {}): CommandAction => ({
    ...{ kind: 'command', target, argv, cwd: project, idempotent: true },
    ...more,
  });
  const dbtCommand = (...args: readonly string[]): CommandAction => ({
    ...{ kind: 'command', target, credentials: 'main', cwd: project },
    argv: [
      ...[dbt.program, ...args, '--project-dir', project],
      ...['--profiles-dir', dbt.profiles ?? project],
      ...(dbt.target === undefined ? [] : ['--target', dbt.target]),
      '--no-use-colors',
    ],
  });
  const results = (): CommandAction =>
    read(['cat', 'target/run_results.json'], { parse: 'json', exitCodes: [0] });
  // Names of models, and of what else a failed node stands for, without those that went well.
  const outputs = {
    id: { cel: 'out.json.metadata.invocation_id' },
    nodes: {
      cel:
        'out.json.results.filter(r, r.status in failing).map(r, {"id": r.unique_id, "status": ' +
        'r.status, "message": r.message == null ? "" : r.message})',
      given: { failing },
    },
  };

  return {
    stops: true,
    recoversCompleted: true,
    remembers: runByWords.dbt,

    jobs: () => ({
      parts: {
        runs: {
          action: read(
            ['head', '-q', '-c', `${headBytes}`, 'target/run_results.json', 'target/manifest.json'],
            { exitCodes: [0, 1] },
          ),
        },
        failures: {
          action: read(
            ['grep', '-cE', `"status": "(${failing.join('|')})"`, 'target/run_results.json'],
            { exitCodes: [0, 1, 2] },
          ),
        },
        sessions: {
          action: {
            kind: 'sql',
            target,
            statements: [
              {
                as: 'sessions',
                text:
                  'SELECT pid, backend_start FROM pg_stat_activity ' +
                  "WHERE application_name = 'dbt' AND datname = current_database() " +
                  'AND pid <> pg_backend_pid()',
              },
            ],
          },
        },
      },
      read: (answers) => jobsOf(answers),
    }),

    look: (job) => ({
      parts: {
        tail: { action: read(['tail', '-n', '40', 'logs/dbt.log'], { exitCodes: [0, 1] }) },
        ...(job.startsWith(`${diedCode}-`) ? {} : { nodes: { action: results(), outputs } }),
      },
      read: (answers) =>
        'nodes' in answers ? statusOf(stages, answers['nodes'] ?? null) : died(job),
    }),

    preview: (job, { stage }, corrupt) => {
      const build = buildFor(job, stage, corrupt);
      const isAnew = build.anew.length > 0;
      const models = isAnew ? build.anew : stages;
      const selected = isAnew ? selecting(models) : models;
      const options = [
        ...['--quiet', '--output', 'json', '--output-keys', 'unique_id', 'config'],
        ...['--resource-types', 'model', 'seed', 'snapshot'],
        // What tells how the last run ended stays as it is.
        ...['--no-write-json', '--log-level-file', 'none'],
      ];
      return {
        parts: {
          models: {
            action: {
              ...dbtCommand('ls', '--select', ...selected, ...options),
              ...{ idempotent: true, parse: 'jsonl' },
            },
            outputs: { models: { cel: modelsIn } },
          },
        },
        read: (answers) => dbtPreview(build, models, corrupt, answers['models'] ?? null),
      };
    },

    mayLeaveCorrupt: (job, corrupt) => corrupt.length > 0 && !isBuiltAnew(job, corrupt),

    restart: (_key, job, { stage }, corrupt) => ({
      step: 'build',
      // It says in its results what has failed.
      work: { action: { ...dbtCommand(...buildFor(job, stage, corrupt).args), exitCodes: [0, 1] } },
    }),

    restarted: () => 'of dbt',
    hold: () => null,

    follow: (_job, timeoutMs) => ({
      step: 'results',
      work: { action: results(), outputs, timeoutMs },
    }),
    followed: (_job, answer) => statusOf(stages, answer),
    validate: () => null,
  };
}

interface Invocation {
  id: string;
  at: string;
}

/** Whose file it is: what dbt writes at its beginning. */
function invocationIn(text: string, schema: 'manifest' | 'run-results'): Invocation | undefined {
  const [, head = ''] = new RegExp(`/dbt/${schema}/v(.*)`, 's').exec(text) ?? [];
  const [, at] = /"generated_at": "([^"]+)"/.exec(head) ?? [];
  const [, id] = /"invocation_id": "([\w-]+)"/.exec(head) ?? [];
  return at === undefined || id === undefined ? undefined : { id, at };
}

/** @throws ProcedureStopped where nobody has answered */
function jobsOf(answers: Record<string, Json>): JobRow[] {
  const { runs, failures, sessions } = answers as Record<string, JsonObject | null>;
  const text = runs?.['stdout'];
  const open = sessions?.['sessions'];
  if (
    typeof text !== 'string' ||
    !Array.isArray(open) ||
    typeof failures?.['exitCode'] !== 'number'
  )
    throw new ProcedureStopped(
      'what dbt has done last is not known: its files were not read',
      'Nothing was changed. Start the runbook again.',
    );
  const [begun, ended] = [invocationIn(text, 'manifest'), invocationIn(text, 'run-results')];
  const row = (id: string, status: JobRow['status'], created: string): JobRow => ({
    ...{ id, status, created, stage: null, dataset: null },
  });
  const rows: JobRow[] = open
    .filter(isObject)
    .map((session) =>
      row(
        `in session ${String(session['pid'] as number)}`,
        'running',
        String(session['backend_start'] as string),
      ),
    );
  const isDead =
    begun !== undefined && (ended === undefined || begun.at > ended.at) && begun.id !== ended?.id;
  if (isDead) rows.push(row(`${diedCode}-${begun.id}`, 'failed', begun.at));
  // 0: a node has failed; 1: none has.
  if (ended)
    rows.push(row(ended.id, failures['exitCode'] === 0 ? 'failed' : 'completed', ended.at));
  return rows;
}

function died(job: string): JobStatus {
  return {
    ...{ id: job, status: 'failed', stage: null },
    error: {
      code: diedCode,
      message: 'dbt began and left no results: its process ended before it could write them',
      ...{ record: null, isPoison: false },
    },
  };
}

/** @throws ProcedureStopped where the results were not read */
function statusOf(stages: readonly string[], answer: Json): JobStatus {
  const { id, nodes } = isObject(answer) ? answer : {};
  if (typeof id !== 'string' || !Array.isArray(nodes))
    throw new ProcedureStopped(
      'how dbt has ended is not known: its results were not read',
      'Look at target/run_results.json of the project, then start the runbook again.',
    );
  const undone = nodes.filter(isObject).map((node) => ({
    id: String(node['id'] as string),
    why: String(node['message'] as string),
    isSkipped: node['status'] === 'skipped',
  }));
  const [first] = undone.filter(({ isSkipped }) => !isSkipped);
  const models = undone
    .filter((node) => /^(model|seed|snapshot)\./.test(node.id))
    .map((node) => nameOf(node.id));
  return {
    id,
    status: undone.length === 0 ? 'completed' : 'failed',
    stage: stages.find((stage) => models.includes(stage)) ?? null,
    error:
      undone.length === 0
        ? null
        : {
            code: first?.id ?? 'skipped',
            message: first?.why ?? 'nodes were skipped',
            ...{ record: null, isPoison: false },
          },
    undone: models,
  };
}
