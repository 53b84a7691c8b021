import type { Check } from '../../common/check.js';
import type { Problem } from '../../common/view.js';
import { limitsOf } from '../../language/pipeline-limits.js';
import { ProcedureStopped, StepFailed } from '../engine/outcome.js';
import { runbook } from '../engine/runbook.js';
import type { Run } from '../engine/surface.js';
import { actionsFor } from '../pipeline-recovery/actions.js';
import { ask, declared, foundTables, look } from '../pipeline-recovery/ask.js';
import { judgeDeclaration } from '../pipeline-recovery/declared/judge.js';
import { placesOf, placeWords } from '../pipeline-recovery/declared/places.js';
import { provable } from '../pipeline-recovery/declared/provable.js';
import type { JobRow } from '../../common/answers.js';
import { freshnessOf, proofWords, type Proofs } from '../pipeline-recovery/findings.js';
import { cureOf, noJobs, waitingWords, type FoundJob } from '../pipeline-recovery/found-jobs.js';
import { runnerOf } from '../pipeline-recovery/run/index.js';
import type { DeclaredPipeline, Restarted, Runner } from '../pipeline-recovery/run/runner.js';
import { pipelineCheckSpec } from './spec.js';

/** Proves a declared pipeline against the live system, and changes nothing. */
export const pipelineCheck = runbook(pipelineCheckSpec, async (run) => {
  const pipeline = declared(run.target('pipeline'));
  const runner = runnerOf(pipeline);
  const tables = await checkTables(run, pipeline);
  const jobs = await checkJobs(run, runner);
  const newest = jobs.rows?.[0];
  const checks = [
    ...tables.checks,
    ...jobs.checks,
    ...(newest ? await checkStatus(run, runner, newest) : nothingToLookAt(run, runner)),
    ...(tables.isWrong ? notProved(run) : await checkProofs(run, pipeline, runner, jobs.rows)),
    ...promises(pipeline, runner),
  ];
  run.setOutputs({ checks });
  const bad = checks.filter(({ state }) => state === 'failed');
  if (bad.length === 0) return;
  throw new ProcedureStopped(
    `the declaration of ${pipeline.name} does not hold: ` +
      `${bad.map(({ name, found }) => `${name}: ${found}`).join('; ')}`,
    'Nothing was changed. The outputs of this run say ' +
      'what to do about each, and so does doctor PIPELINE.',
  );
});

async function checkTables(
  run: Run,
  pipeline: DeclaredPipeline,
): Promise<{ checks: Check[]; isWrong: boolean }> {
  const places = placesOf(pipeline.pipeline);
  const asked = await attempted(() => foundTables(run, pipeline));
  if ('problem' in asked) return { checks: [failure('database', asked.problem)], isWrong: true };
  const findings = judgeDeclaration(places, asked.answer);
  const bad = findings.filter(({ weight }) => weight !== 'doubtful').map(({ what }) => what);
  const good = places.filter(({ what }) => !bad.includes(what));
  const checks = findings.map(({ weight, what, found, fix }): Check => {
    return { name: what, state: weight === 'doubtful' ? 'warning' : 'failed', found, fix };
  });
  const names = good.map(placeWords);
  const found = `as declared: ${names.join(', ') || 'none'}`;
  return {
    checks: [{ name: 'tables', state: 'ok', found, fix: null }, ...checks],
    isWrong: findings.some(({ weight }) => weight === 'wrong'),
  };
}

async function checkJobs(
  run: Run,
  runner: Runner,
): Promise<{ checks: Check[]; rows?: readonly FoundJob[] }> {
  const asked = await attempted(async () => {
    if (runner.reach) await ask(run, 'reach', runner.reach());
    return ask(run, 'identify', runner.jobs(undefined));
  });
  if ('problem' in asked) return { checks: [failure('jobs', asked.problem)] };
  const rows = asked.answer;
  const [newest] = rows;
  const found = newest
    ? `${rows.length}; the newest is ${newest.id}, ${newest.status}${waitingWords(newest)}`
    : noJobs(runner);
  return { rows, checks: [{ name: 'jobs', state: 'ok', found, fix: null }] };
}

async function checkStatus(run: Run, runner: Runner, { id, dataset }: JobRow): Promise<Check[]> {
  const name = 'job status';
  const asked = await attempted(() => look(run, runner, id));
  if ('problem' in asked) return [failure(name, asked.problem)];
  const { status, stage, error } = asked.answer;
  const told = [`job ${id} is ${status}`, stage === null ? '' : `in stage ${stage}`];
  const why = error ? `, and says ${error.code}: ${error.message}` : '';
  const found = `${told.filter(Boolean).join(' ')}${why}`;
  return [
    { name, state: 'ok', found, fix: null },
    ...(await checkPreview(run, runner, { ...asked.answer, dataset })),
  ];
}

/** Whether a restart would be allowed, where it can be asked without one. */
async function checkPreview(run: Run, { preview }: Runner, job: Restarted): Promise<Check[]> {
  if (!preview) return [];
  const name = 'restart';
  const from = { stage: '', batch: 0 };
  const asked = await attempted(() => ask(run, 'preview', preview(job, from, [])));
  if ('problem' in asked) return [failure(name, asked.problem)];
  const told = Object.entries(asked.answer.evidence);
  const found = told.map(([what, said]) => `${what}: ${said}`).join('; ');
  return [{ name, state: 'ok', found, fix: null }];
}

async function checkProofs(
  run: Run,
  pipeline: DeclaredPipeline,
  runner: Runner,
  jobs: readonly JobRow[] | undefined,
): Promise<Check[]> {
  const [newest] = jobs ?? [];
  const { data } = pipeline.pipeline;
  const isWhole = data.dataset === undefined || (newest !== undefined && newest.dataset !== null);
  if (!isWhole) {
    run.notNeeded('corrupt', 'no job tells a dataset');
    return [{ name: 'proofs', state: 'skipped', found: 'no job tells a dataset', fix: null }];
  }
  const actions = actionsFor(pipeline, runner, newest?.dataset ?? null);
  const asked = await attempted<Proofs>(() =>
    run.forEach(
      'corrupt',
      data.stages.map(({ name }) => name),
      (stage) => ({ action: actions.prove(stage) }),
    ),
  );
  if ('problem' in asked) return [failure('proofs', asked.problem)];
  const isRunning = newest?.status === 'running';
  const fix = jobs
    ? cureOf(data, newest, runner)
    : 'What mends it depends on the jobs, which were not told: mend that first.';
  return data.stages.flatMap((stage): Check[] => {
    const { isGood, words } = proofWords(data, asked.answer, stage.name);
    const found = !isGood && isRunning ? `${words}; a job is at work` : words;
    const proof = judged(`proof of ${stage.name}`, isGood, found, fix);
    const freshness = freshnessOf(stage, asked.answer);
    if (!freshness) return [proof];
    return [proof, judged(`age of ${stage.name}`, freshness.isFresh, freshness.words, noNewRows)];
  });
}

const noNewRows = 'Look whether the source still delivers, and whether the job runs as it should.';

function judged(name: string, isGood: boolean, found: string, fix: string): Check {
  return isGood ? { name, state: 'ok', found, fix: null } : { name, state: 'warning', found, fix };
}

function nothingToLookAt(run: Run, { explain, preview }: Runner): Check[] {
  const others = [...(explain ? ['explain'] : []), ...(preview ? ['preview'] : [])];
  run.notNeeded(['collect', ...others], 'there is no job');
  return [
    { name: 'job status', state: 'skipped', found: 'there is no job to ask about', fix: null },
  ];
}

function notProved(run: Run): Check[] {
  run.notNeeded('corrupt', 'the declaration is wrong');
  return [{ name: 'proofs', state: 'skipped', found: 'need a right declaration', fix: null }];
}

/** What a recovery could prove and do, and what not. */
function promises({ pipeline }: DeclaredPipeline, { preview }: Runner): Check[] {
  const { proved, unproved } = provable(pipeline);
  const sentences = [
    ...limitsOf(pipeline),
    ...(preview ? [] : ['Whether a job may be restarted is only seen when one is.']),
  ];
  const line = (name: string, found: readonly string[]): Check => ({
    ...{ name, state: 'ok', found: found.join('; ') || 'nothing', fix: null },
  });
  return [
    line('can be proved', proved),
    line('cannot be proved', unproved),
    line('cannot be done', [sentences.join(' ')]),
  ];
}

function failure(name: string, { message, next }: Problem): Check {
  return { name, state: 'failed', found: message, fix: next ?? null };
}

/** What fails is a result, too. */
async function attempted<T>(work: () => Promise<T>): Promise<{ answer: T } | { problem: Problem }> {
  try {
    return { answer: await work() };
  } catch (error) {
    if (error instanceof StepFailed || error instanceof ProcedureStopped)
      return { problem: error.problem };
    throw error;
  }
}
