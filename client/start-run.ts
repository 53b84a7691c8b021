import { randomBytes } from 'node:crypto';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { StartEnvelope } from '../common/envelope.js';
import { searchAttributes } from '../common/names.js';
import type { Plan } from '../language/plan.js';
import { CliError, isNotFound } from './errors.js';
import { exitCodes } from './exit-codes.js';
import type { Session } from './session.js';

/** A readable id that no other run has: `<runbook>-<UTC date and time>-<4 random characters>`. */
export function newRunId(runbook: string, now = new Date()): string {
  const stamp = now.toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '-');
  return `${runbook}-${stamp}-${randomBytes(2).toString('hex')}`;
}

export interface StartedRun {
  id: string;
  /** Temporal's id of the execution. */
  runId: string;
  /** False when this id had been started before: nothing new was started. */
  started: boolean;
}

/**
 * Starts the run of an admitted plan. An id that was used before starts nothing, whether that run still goes on or not.
 * @throws CliError with exit code 2 when the id belongs to a run of another runbook
 */
export async function startRun(session: Session, envelope: StartEnvelope, plan: Plan): Promise<StartedRun> {
  const temporal = await session.temporal();
  const targets = plan.targets.map((target) => target.name);
  try {
    const handle = await temporal.within(10_000, () =>
      temporal.client.workflow.start(envelope.runbook, {
        workflowId: envelope.run,
        taskQueue: temporal.taskQueue,
        args: [{ ...envelope, verb: 'start', digest: plan.digest } satisfies StartEnvelope],
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        staticSummary: `${plan.runbook.title}: ${envelope.reason || 'no reason given'}`,
        staticDetails: details(envelope, plan),
        memo: { runbook: envelope.runbook, requester: envelope.by, reason: envelope.reason },
        typedSearchAttributes: [
          { key: searchAttributes.state, value: 'running' },
          { key: searchAttributes.type, value: plan.runbook.type },
          { key: searchAttributes.priority, value: plan.runbook.priority },
          ...(targets.length > 0 ? [{ key: searchAttributes.target, value: targets }] : []),
          { key: searchAttributes.step, value: '' },
          { key: searchAttributes.requester, value: envelope.by },
        ],
      }),
    );
    return { id: envelope.run, runId: handle.firstExecutionRunId, started: true };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return sameRun(session, envelope);
  }
}

/** The run that has this id already, or null. @throws CliError with exit code 2 when it is a run of another runbook */
export async function existingRun(session: Session, envelope: StartEnvelope): Promise<StartedRun | null> {
  try {
    return await sameRun(session, envelope);
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

async function sameRun(session: Session, envelope: StartEnvelope): Promise<StartedRun> {
  const temporal = await session.temporal();
  const found = await temporal.within(5_000, () => temporal.client.workflow.getHandle(envelope.run).describe());
  if (found.type !== envelope.runbook) {
    throw new CliError(
      `The id ${envelope.run} belongs to a run of ${found.type}; nothing was started.`,
      'Give another --id, or leave it out.',
      exitCodes.usage,
    );
  }
  return { id: envelope.run, runId: found.runId, started: false };
}

/** What and why, as the Temporal UI shows it. */
function details(envelope: StartEnvelope, plan: Plan): string {
  const inputs = Object.entries(plan.inputs).map(
    ([name, value]) => `- ${name}: \`${JSON.stringify(value).replaceAll('`', "'")}\``,
  );
  return [
    `${plan.runbook.id} ${plan.runbook.version}, asked for by ${plain(envelope.by)}: ${plain(envelope.reason) || 'no reason given'}`,
    `Plan \`${plan.digest}\``,
    inputs.join('\n'),
  ].join('\n\n');
}

/** Text that people typed, without the characters that Markdown would read. */
function plain(text: string): string {
  return text
    .replace(/[\r\n|`<>[\]*_]+/g, ' ')
    .trim()
    .slice(0, 300);
}
