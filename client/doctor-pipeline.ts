import { randomUUID } from 'node:crypto';
import type { StartEnvelope } from '../common/envelope.js';
import type { RunView } from '../common/view.js';
import { admittedPlan } from './admitted-plan.js';
import type { Check } from '../common/check.js';
import { CliError } from './errors.js';
import { exitCodes, hasEnded } from './exit-codes.js';
import { follow } from './follow.js';
import { remark } from './output.js';
import { problemText } from './problem-text.js';
import type { Session } from './session.js';
import { thisSender } from './sender.js';
import { operatorName } from './settings.js';
import { newRunId, startRun } from './start-run.js';

/** The runbook that looks; it reads only. */
const runbook = 'pipeline-check';
/** Milliseconds that it gets. */
const patienceMs = 300_000;
const everyMs = 200;

/**
 * Lets the workers prove a declared pipeline against the live system: they know its address and its
 * secrets.
 * @throws CliError when they cannot
 */
export async function checkPipeline(session: Session, pipeline: string): Promise<Check[]> {
  const { io } = session;
  const envelope: StartEnvelope = {
    ...{ version: 1, id: randomUUID(), verb: 'start', run: newRunId(runbook), runbook },
    inputs: { pipeline },
    by: operatorName(undefined, io.env),
    sender: thisSender(),
    reason: 'doctor',
  };
  const { plan } = await admittedPlan(session, 'Nothing was looked at', envelope, (problem) =>
    problem.input === undefined
      ? problem.message
      : `the workers know no pipeline ${JSON.stringify(pipeline)}`,
  );
  const { id } = await startRun(session, envelope, plan);
  const view = await endOf(session, id);
  const { checks } = view.outputs;
  if (Array.isArray(checks)) return checks as unknown as Check[];
  throw new CliError(
    view.problem ? problemText(view.problem) : `Run ${id} ended without a result.`,
    `See what it did with: ${session.command} status ${id}`,
  );
}

async function endOf(session: Session, id: string): Promise<RunView> {
  const { io, command } = session;
  for await (const { view } of follow(session, id, {
    everyMs,
    until: Date.now() + patienceMs,
    signal: io.interrupted(),
    onTrouble: (why) => why && remark(io, why),
  }))
    if (hasEnded(view.state)) return view;
  throw new CliError(
    `Run ${id} has not ended yet.`,
    `Follow it with: ${command} watch ${id}`,
    exitCodes.timedOut,
  );
}
