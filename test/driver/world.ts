import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import type { Settled } from '../../activities/settle.js';
import { admit, refuseInputs, type AdmissionDeps } from '../../activities/admit.js';
import { judge } from '../../activities/judge.js';
import type { AdmitRequest } from '../../activities/index.js';
import { Targets } from '../../activities/targets.js';
import type { BorderLimits } from '../../common/admission.js';
import type { AttemptRequest, AttemptResult, FailureDetail } from '../../common/attempt.js';
import type { DecisionEnvelope, StartEnvelope, Verdict } from '../../common/envelope.js';
import { failureTypes, type FailureType } from '../../common/failures.js';
import type { JudgeRequest } from '../../common/judgement.js';
import { messageNames } from '../../common/defaults.js';
import { rulesOfQuestion } from '../../common/questions.js';
import type { RunView } from '../../common/view.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { CommandAction } from '../../language/kinds/command.js';
import { programFolder } from '../../worker/config.js';
import { testCatalogue } from '../engine/specs.js';
import type { ActivityContext, ActivityFunction } from '../../testing/driver/attempt.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import type { RunOptions } from '../../testing/driver/server.js';
import { testBundle } from '../helpers/bundle.js';

/*
 * The test procedures on the driver: real admission, real verdicts, no record, and commands that a
 * test plays.
 */

/** Plays a step's command: its output, or `stepFailure`. */
export type PlayCommand = (
  request: AttemptRequest<CommandAction>,
  activity: ActivityContext,
) => Json | Promise<Json>;

export const bundleProcedures = (): Promise<string> =>
  testBundle(join(programFolder, 'test', 'engine', 'procedures.js'));

/** Of the runs here: silence after which a worker counts as dead. */
export const heartbeatMs = 10_000;

const admission: Omit<AdmissionDeps, 'catalogue'> = {
  targets: Targets.load(join(import.meta.dirname, 'targets.yaml')),
  procedure: 'sha256:test',
  settings: { command: 'runbook', uiUrl: null, heartbeatMs, hostWaitMs: 120_000 },
};

/**
 * Activities of a run: the platform's own as they are, without the record, and steps that the test
 * plays.
 */
export function activities(
  play: PlayCommand,
  catalogue = testCatalogue,
  border?: BorderLimits,
): Record<string, ActivityFunction> {
  const settings = { ...admission.settings, ...(border ? { border } : {}) };
  return {
    admit: ({ envelope }: AdmitRequest) => admit(envelope, { ...admission, settings, catalogue }),
    judge: (request: JudgeRequest) =>
      judge(request, (...asked) => refuseInputs({ ...admission, settings, catalogue }, ...asked)),
    record: () => ({ incomplete: false }),
    refuse: () => undefined,
    lost: () => ({ text: '' }),
    settle: (): Settled => ({ state: 'ended' }),
    command: async (request: AttemptRequest<CommandAction>, activity): Promise<AttemptResult> => ({
      output: await play(request, activity),
      attempt: activity.attempt,
    }),
  };
}

/** A failed attempt as the worker reports it; for good when it was the step's last. */
export function stepFailure(
  { attempts }: AttemptRequest,
  { attempt }: ActivityContext,
  type: FailureType,
  message: string,
  options: Partial<FailureDetail> & { retryAfterMs?: number } = {},
): ApplicationFailure {
  const detail: FailureDetail = {
    next: options.next ?? null,
    ...(options.command === undefined ? {} : { command: options.command }),
    attempt,
    details: options.details ?? {},
    ...(options.programs ? { programs: options.programs } : {}),
  };
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: failureTypes[type] === 'permanent' || attempt >= attempts,
    details: [detail],
    ...(options.retryAfterMs === undefined ? {} : { nextRetryDelay: options.retryAfterMs }),
  });
}

export function envelope(
  runbook: string,
  inputs: JsonObject,
  run = `${runbook}-run`,
): StartEnvelope {
  return {
    version: 1,
    id: 'start-1',
    verb: 'start',
    run,
    runbook,
    inputs,
    by: 'requester',
    reason: 'test',
  };
}

/** A run of a test procedure, started as the command line would. */
export function start(
  driver: Driver,
  runbook: string,
  inputs: JsonObject,
  play: PlayCommand,
  options: Partial<RunOptions> = {},
): Run {
  const asked = envelope(runbook, inputs, options.workflowId);
  return driver.start(runbook, [asked], {
    workflowId: asked.run,
    activities: activities(play),
    ...options,
  });
}

export const status = (run: Run): Promise<RunView> => run.query<RunView>(messageNames.status);

/** A decision that fits the gate where the run waits, by somebody who may; `change` bends it. */
export async function decision(
  run: Run,
  change: Partial<DecisionEnvelope> = {},
): Promise<DecisionEnvelope> {
  await run.settle();
  const gate = (await status(run)).waitingFor[0];
  if (!gate) throw new Error('the run waits at no gate');
  const { id, attempt, digest } = gate;
  return {
    ...{
      version: 1,
      id: 'decision-1',
      run: run.workflowId,
      verb: 'approve',
      about: { kind: rulesOfQuestion(gate.kind).about, id },
      attempt,
      digest,
    },
    ...{ by: 'approver', reason: 'looks right' },
    ...change,
  };
}

/** Sends a decision and returns the answer. */
export async function decide(
  run: Run,
  change: Partial<DecisionEnvelope> = {},
): Promise<Verdict | null> {
  const sent = await decision(run, change);
  run.signal(messageNames.decide, sent);
  await run.settle();
  return run.query<Verdict | null>(messageNames.verdict, sent.id);
}
