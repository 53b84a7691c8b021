import { durationMs } from '../../language/duration.js';
import type { JsonObject } from '../../language/json.js';
import { limitsOf } from '../../language/pipeline-limits.js';
import { later } from '../../language/reference.js';
import { pipelineRecoverySpec } from './spec.js';
import { ProcedureStopped } from '../engine/outcome.js';
import type { Work } from '../engine/attempts.js';
import type { GateQuestion } from '../engine/gates.js';
import type { Run } from '../engine/surface.js';
import { runbook } from '../engine/runbook.js';
import { closingMessage } from '../shared/closing-message.js';
import { actionsFor, type Actions } from './actions.js';
import { ask, compareDeclaration, declared, look } from './ask.js';
import type { Finding } from './declared/finding.js';
import { assertMovable } from './declared/judge.js';
import {
  againWords,
  changesData,
  chooseCheckpoint,
  heldRows,
  rowsByTable,
  type Checkpoint,
  type Choice,
  type Compared,
  type Held,
  type JobStatus,
  type Proofs,
} from './findings.js';
import { cureOf, failedJob } from './found-jobs.js';
import { notNeeded } from './not-needed.js';
import { runnerOf } from './run/index.js';
import type { DeclaredPipeline, Doing, Preview, Restarted, Runner } from './run/runner.js';

interface Inputs {
  job: string | undefined;
  tolerance: number;
  maxRestarts: number;
  followMs: number;
}

/** A pipeline with a failed job, and what can be done about it. */
interface Case {
  pipeline: DeclaredPipeline;
  runner: Runner;
  actions: Actions;
  dataset: string | null;
  /** Why nothing can be moved into quarantine; empty when it can. */
  forbidden: readonly Finding[];
}

/** Recovers a failed data pipeline from the last checkpoint whose data is proved good. */
export const pipelineRecovery = runbook(
  pipelineRecoverySpec,
  async (run) => {
    const inputs = readInputs(run.inputs);
    const pipeline = declared(run.target('pipeline'));
    const runner = runnerOf(pipeline);
    const forbidden = await compareDeclaration(run, pipeline);
    if (runner.reach) await ask(run, 'reach', runner.reach());
    const jobs = await ask(run, 'identify', runner.jobs(inputs.job));
    const failed = failedJob(jobs, inputs.job, runner);
    const { dataset } = failed;
    const actions = actionsFor(pipeline, runner, dataset);
    const found = { pipeline, runner, dataset, actions, forbidden };

    const recovered = await recover(run, found, failed.id, inputs);
    const held = await validate(run, found, inputs.tolerance, recovered.job);

    const outputs = {
      failedJob: failed.id,
      recoveredJob: recovered.job,
      restarts: recovered.restarts,
      ...held,
    };
    run.setOutputs(outputs);
    const text =
      `Pipeline ${pipeline.name} is recovered: job ${recovered.job} went on from ` +
      `${recovered.from}, ${held.rows} rows, none twice, none lost.`;
    await run.attemptStep('notify', closing(run, text, outputs));
  },
  (run) => (run.inputs['on_failure'] === 'rollback' ? 'rollback' : 'leave'),
);

/**
 * Finds, asks, quarantines, restarts and follows, until the job is done or its restarts are used
 * up. An approval covers the restarts that follow it as long as nothing new is found corrupt; then
 * the gate asks again. A job that its orchestrator may have tried again by itself, or whose restart
 * may leave corrupt data, is done when its stages are proved.
 */
async function recover(
  run: Run,
  found: Case,
  job: string,
  inputs: Inputs,
): Promise<{ job: string; restarts: number; from: string }> {
  const { runner, actions, pipeline } = found;
  const { data } = pipeline.pipeline;
  const stages = data.stages.map(({ name }) => name);
  let current = job;
  let approved = false;
  let from = '';
  for (let restarts = 1; ; restarts += 1) {
    const status = await look(run, runner, current);
    const proofs: Proofs = await run.forEach('corrupt', stages, (stage) => ({
      action: actions.prove(stage),
    }));
    const choice = run.decide('checkpoint', () => chooseCheckpoint(data, proofs, status));
    if (status.status === 'completed' && choice.corrupt.length === 0)
      return { ...hasRestarted(current, from), restarts: restarts - 1 };
    if (restarts > inputs.maxRestarts) throw spoilt(current, choice, restarts - 1);
    assertMovable(found.forbidden, choice);
    const preview = await previewOf(run, found, status, choice);
    const shown = { ...status, ...(preview ? { tasks: preview.tasks } : {}) };
    const kept = restarts === 1 ? run.id : `${run.id}#${restarts}`;
    if (!approved || changesData(choice)) {
      const further = inputs.maxRestarts - restarts;
      await run.gate(
        'approve',
        questionFor(run, found, { status: shown, choice, kept, further, preview }),
      );
    }
    approved = true;
    const moves = changesData(choice) ? actions.quarantine(choice, kept) : [];
    for (const move of moves) await run.step('quarantine', move);
    if (moves.length === 0) run.notNeeded('quarantine', 'nothing is moved away');
    from = placeOf(choice.checkpoint);
    const { step } = restart(found, later('key'), shown, choice);
    const answer = await run.step(step, (key) => restart(found, key, shown, choice).work);
    if (restarts === 1) others(run, ['restart', 'build', 'begin'], step);
    const restarted = runner.restarted(answer, current);
    const held = runner.hold(restarted);
    if (held) await run.step(held.step, { ...held.work, undoesToo: step });
    else
      notNeeded(
        run,
        ['hold'],
        'the job is stopped by the key of its restart, or cannot be stopped',
      );
    const follow = runner.follow(restarted, inputs.followMs);
    const ended = runner.followed(restarted, await run.step(follow.step, follow.work));
    if (restarts === 1) others(run, ['follow', 'results'], follow.step);
    const isDone = ended.status === 'completed';
    // Restarts were approved of a job that fails, not of one that somebody stops.
    if (ended.status === 'stopped') approved = false;
    const isProvedAgain =
      runner.triesAgain ??
      runner.mayLeaveCorrupt?.({ ...status, dataset: found.dataset }, choice.corrupt);
    if (isDone && !isProvedAgain) return { job: ended.id, restarts, from };
    if (!isDone && restarts >= inputs.maxRestarts)
      throw givenUp(runner.explain ? await look(run, runner, ended.id) : ended, restarts);
    current = ended.id;
  }
}

function restart(
  { runner, dataset }: Case,
  key: string,
  job: Omit<Restarted, 'dataset'>,
  { checkpoint, corrupt }: Pick<Choice, 'checkpoint' | 'corrupt'>,
): Doing {
  return runner.restart(key, { ...job, dataset }, checkpoint, corrupt);
}

/** What the restart will do, where that can be asked. */
async function previewOf(
  run: Run,
  { runner, dataset }: Case,
  status: JobStatus,
  { checkpoint, corrupt }: Choice,
): Promise<Preview | undefined> {
  if (!runner.preview) return undefined;
  return ask(run, 'preview', runner.preview({ ...status, dataset }, checkpoint, corrupt));
}

/** Marks the steps that only another kind of runner has as not needed. */
function others(run: Run, steps: readonly string[], done: string): void {
  notNeeded(
    run,
    steps.filter((each) => each !== done),
    'this pipeline is run in another way',
  );
}

function placeOf({ stage, batch }: Checkpoint): string {
  return batch === 0 ? `beginning of ${stage}` : `${stage} batch ${batch}`;
}

function closing(run: Run, text: string, fields: JsonObject): Work {
  return { action: closingMessage(run.inputs['notify'] as string | undefined, text, fields) };
}

/** Both proofs must agree: the service's own validation, and our query against the source. */
async function validate(run: Run, found: Case, tolerance: number, job: string): Promise<Held> {
  const data = found.pipeline.pipeline.data;
  const cure = cureOf(data, { id: job, status: 'completed' }, found.runner);
  const service = found.runner.validate(found.dataset, tolerance);
  const rows = found.actions.compare(tolerance, cure);
  const parts = service ? { service, rows } : { rows };
  return ask(run, 'validate', {
    parts,
    read: (answers) => heldRows(data, (answers['rows'] ?? null) as Compared | null),
  });
}

/** What the approver sees, and exactly what the approval allows. */
function questionFor(
  run: Run,
  found: Case,
  asked: {
    status: JobStatus & Pick<Restarted, 'tasks'>;
    choice: Choice;
    kept: string;
    further: number;
    preview: Preview | undefined;
  },
): GateQuestion {
  const { runner, actions } = found;
  const { status, choice, kept, further, preview } = asked;
  const { error } = status;
  const { pipeline } = found.pipeline;
  const { data } = pipeline;
  const limits = limitsOf(pipeline);
  const tables = rowsByTable(data, choice);
  const evidence: JsonObject = {
    'failed job': status.id,
    'failed stage': status.stage ?? 'none',
    error: error
      ? `${error.code}: ${error.message}`
      : `none told${status.status === 'stopped' ? ': the job was stopped' : ''}`,
    verdict: choice.verdict,
    checkpoint: placeOf(choice.checkpoint),
    [againWords(data)]: choice.rowsAgain,
    ...(choice.rowsAgain > 0 ? { 'of these, by table': tables } : {}),
    'rows waiting in the stage before': choice.rowsAhead,
    'offending record': error?.record ?? 'none named',
    ...(error?.isPoison && choice.poison === null
      ? { 'set aside': 'no: the job does not tell the whole key of the record' }
      : {}),
    ...preview?.evidence,
    'further restarts covered':
      further > 0 ? `${further}, if the job fails again and nothing new is corrupt` : 'none',
    ...(limits.length > 0 ? { 'cannot be done': limits.join(' ') } : {}),
  };
  const key: string = later('steps.restart key');
  const first = restart(found, key, status, choice);
  const checkpoint: Checkpoint = {
    stage: later('steps.checkpoint.stage'),
    batch: later('steps.checkpoint.batch'),
  };
  const next = { id: later<string>('steps.restart.job'), error: null };
  const again = restart(found, key, next, { checkpoint, corrupt: [] });
  const hold = runner.hold(later('steps.restart.job'));
  return {
    evidence,
    actions: {
      quarantine: changesData(choice) ? actions.quarantine(choice, kept) : [],
      [first.step]: [first.work, ...(further > 0 ? [{ ...again.work, after: 1 }] : [])],
      hold: hold ? [hold.work] : [],
      notify: [closing(run, later('the result'), later('outputs'))],
    },
  };
}

/** @throws ProcedureStopped when nothing had to be done */
function hasRestarted(job: string, from: string): { job: string; from: string } {
  if (from !== '') return { job, from };
  throw new ProcedureStopped(
    `job ${job} is completed, and its stages are good`,
    'Nothing was changed: there is nothing to recover.',
  );
}

function spoilt(job: string, { verdict }: Choice, restarts: number): ProcedureStopped {
  return new ProcedureStopped(
    `job ${job} has completed, and after ${counted(restarts)} its data is still wrong: ${verdict}`,
    'Where a task writes again what it had written already, mend it. Then start the runbook ' +
      'again with this job as its input.',
  );
}

function counted(restarts: number): string {
  return `${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`;
}

function givenUp(job: JobStatus, restarts: number): ProcedureStopped {
  const why = job.error ? `${job.error.code}: ${job.error.message}` : `it ended as ${job.status}`;
  return new ProcedureStopped(
    `job ${job.id} failed again in stage ${job.stage ?? 'unknown'} after ` +
      `${counted(restarts)} (${why})`,
    'Mend the cause named here, then start the runbook ' +
      'again: it goes on from the last good checkpoint.',
  );
}

function readInputs(inputs: JsonObject): Inputs {
  return {
    job: typeof inputs['job'] === 'string' ? inputs['job'] : undefined,
    tolerance: Number(inputs['tolerance_rows']),
    maxRestarts: Number(inputs['max_restarts']),
    followMs: durationMs(inputs['follow_timeout'] as string) ?? 0,
  };
}
