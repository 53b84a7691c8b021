import { durationMs } from '../../language/duration.js';
import type { JsonObject } from '../../language/json.js';
import { later } from '../../language/reference.js';
import { pipelineRecoverySpec, stages } from './spec.js';
import { ProcedureStopped } from '../engine/outcome.js';
import type { Work } from '../engine/attempts.js';
import type { GateQuestion } from '../engine/gates.js';
import type { Run } from '../engine/surface.js';
import { runbook } from '../engine/runbook.js';
import { actionsFor, type Actions } from './actions.js';
import {
  comparedRows,
  changesData,
  chooseCheckpoint,
  failedJob,
  type Checkpoint,
  type Choice,
  type Compared,
  type JobRow,
  type JobStatus,
  type Proofs,
} from './findings.js';

interface Inputs {
  job: string | undefined;
  tolerance: number;
  maxRestarts: number;
  followMs: number;
}

/** Recovers a failed data pipeline from the last checkpoint whose data is proved good. */
export const pipelineRecovery = runbook(
  pipelineRecoverySpec,
  async (run) => {
    const inputs = readInputs(run.inputs);
    const pipeline = run.target('pipeline');
    const { jobs } = await run.parallel<{ status: JsonObject; jobs: { jobs: JobRow[] } }>(
      'identify',
      {
        status: { action: actionsFor(pipeline, '').pipelineStatus() },
        jobs: { action: actionsFor(pipeline, '').recentJobs(inputs.job) },
      },
    );
    const failed = failedJob(jobs.jobs, inputs.job);
    const actions = actionsFor(pipeline, failed.dataset_id);

    const recovered = await recover(run, actions, failed.id, inputs);
    const proof = await validate(run, actions, inputs.tolerance);

    const outputs = {
      failedJob: failed.id,
      recoveredJob: recovered.job,
      restarts: recovered.restarts,
      ...proof,
    };
    run.setOutputs(outputs);
    const text = `Pipeline ${pipeline.name} is recovered: job ${recovered.job} went on from ${recovered.from}, ${proof.rows} rows, none twice, none lost.`;
    await run.attemptStep('notify', closing(run, actions, { text, fields: outputs }));
  },
  (run) => (run.inputs['on_failure'] === 'rollback' ? 'rollback' : 'leave'),
);

/**
 * Finds, asks, quarantines, restarts and follows, until the job is done or its restarts are used
 * up. An approval covers the restarts that follow it as long as nothing new is found corrupt; then
 * the gate asks again.
 */
async function recover(
  run: Run,
  actions: Actions,
  job: string,
  inputs: Inputs,
): Promise<{ job: string; restarts: number; from: string }> {
  let current = job;
  let approved = false;
  for (let restarts = 1; ; restarts += 1) {
    const { message } = await run.parallel<{ message: JobStatus; log: JsonObject }>('collect', {
      message: { action: actions.jobStatus(current) },
      log: { action: actions.jobLog(current) },
    });
    const proofs = (await run.forEach('corrupt', stages, (stage) => ({
      action: actions.prove(stage),
    }))) as Proofs;
    const choice = run.decide('checkpoint', () => chooseCheckpoint(proofs, message));
    if (!approved || changesData(choice))
      await run.gate(
        'approve',
        questionFor(run, message, choice, actions, inputs.maxRestarts - restarts),
      );
    approved = true;
    if (changesData(choice)) await run.step('quarantine', actions.quarantine(choice, run.id));
    else run.notNeeded('quarantine', 'nothing is corrupt');
    const restarted = await run.step<{ job: string }>('restart', (key) =>
      restartOf(actions, key, current, choice.checkpoint),
    );
    const ended = await run.step<JobStatus>('follow', {
      action: actions.follow(restarted.job),
      timeoutMs: inputs.followMs,
    });
    if (ended.status === 'completed') {
      return {
        job: restarted.job,
        restarts,
        from: `${choice.checkpoint.stage} batch ${choice.checkpoint.batch}`,
      };
    }
    if (restarts >= inputs.maxRestarts) throw givenUp(ended, restarts);
    current = restarted.job;
  }
}

function restartOf(actions: Actions, key: string, job: string, checkpoint: Checkpoint): Work {
  return { action: actions.restart(job, checkpoint), undo: actions.stopRestarted(key) };
}

function closing(run: Run, actions: Actions, message: Parameters<Actions['notify']>[1]): Work {
  return { action: actions.notify(run.inputs['notify'] as string | undefined, message) };
}

/** Both proofs must agree: the service's own validation, and our query against the source. */
async function validate(
  run: Run,
  actions: Actions,
  tolerance: number,
): Promise<{ rows: number; sumDistance: string; checksum: string }> {
  const { service, rows } = await run.parallel<{
    service: { json: { checksum: string } };
    rows: Compared;
  }>('validate', {
    service: actions.validate(tolerance),
    rows: actions.compare(tolerance),
  });
  const target = comparedRows(rows);
  return {
    rows: target.rows,
    sumDistance: target.sum_distance,
    checksum: service.json.checksum,
  };
}

/** What the approver sees, and exactly what the approval allows. */
function questionFor(
  run: Run,
  job: JobStatus,
  choice: Choice,
  actions: Actions,
  furtherRestarts: number,
): GateQuestion {
  const { stage, batch } = choice.checkpoint;
  const evidence: JsonObject = {
    'failed job': job.id,
    'failed stage': job.stage ?? 'none',
    error: job.error ? `${job.error.code}: ${job.error.message}` : 'none told',
    verdict: choice.verdict,
    checkpoint: batch === 0 ? `beginning of ${stage}` : `${stage} batch ${batch}`,
    'rows moved to quarantine and processed again': choice.rowsAgain,
    'rows waiting in the stage before': choice.rowsAhead,
    'offending record': job.error?.record ?? 'none named',
    'further restarts covered':
      furtherRestarts > 0
        ? `${furtherRestarts}, if the job fails again and nothing new is corrupt`
        : 'none',
  };
  return {
    evidence,
    actions: {
      quarantine: changesData(choice) ? [actions.quarantine(choice, run.id)] : [],
      restart: [
        restartOf(actions, later('steps.restart key'), job.id, choice.checkpoint),
        ...(furtherRestarts > 0
          ? [
              {
                ...restartOf(actions, later('steps.restart key'), later('steps.restart.job'), {
                  stage: later('steps.checkpoint.stage'),
                  batch: later('steps.checkpoint.batch'),
                }),
                after: 1,
              },
            ]
          : []),
      ],
      notify: [closing(run, actions, { text: later('the result'), fields: later('outputs') })],
    },
  };
}

function givenUp(job: JobStatus, restarts: number): ProcedureStopped {
  const why = job.error ? `${job.error.code}: ${job.error.message}` : `it ended as ${job.status}`;
  return new ProcedureStopped(
    `job ${job.id} failed again in stage ${job.stage ?? 'unknown'} after ${restarts} ${restarts === 1 ? 'restart' : 'restarts'} (${why})`,
    'Mend the cause named here, then start the runbook again: it goes on from the last good checkpoint.',
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
