import {
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  ParentClosePolicy,
  setWorkflowOptions,
  startChild,
  uuid4,
} from '@temporalio/workflow';
import type { Admission } from '../common/admission.js';
import type { StartEnvelope } from '../common/envelope.js';
import { startEnvelopeProblem } from '../common/shapes.js';
import { runId, startOptions } from '../common/start-options.js';
import { platformActivities } from './engine/activities.js';
import { asFailure } from './engine/outcome.js';
import { recordRefusal, thisWorkflow } from './engine/refusal.js';
import { presentRelease } from './engine/release.js';

/** How a run ended that nobody started by hand. */
interface Launched {
  run: string;
  ended: 'well' | 'not well' | 'unknown';
}

/**
 * Admission where no run exists yet. `plan`: what `runbook plan` shows, and what `runbook start`
 * asks before it starts anything; the run that follows is admitted again by itself, and the digest
 * that the person saw travels with the start. `start`: where no person waits, as from a schedule;
 * then it lasts as long as the run that it starts, so that the next one does not begin beside it.
 */
export async function launch(argument: unknown): Promise<Admission | Launched> {
  const why = startEnvelopeProblem(argument);
  if (why !== null)
    throw ApplicationFailure.create({
      type: 'Refused',
      message: `launch answers \`plan\` and \`start\` only, and was given something else: ${why}`,
      nonRetryable: true,
    });
  const envelope = argument as StartEnvelope;
  const admission = await platformActivities.admit({
    version: 1,
    key: null,
    envelope,
    startedAt: null,
  });
  if (envelope.verb === 'plan') return admission;
  if (!admission.admitted) {
    // Nobody reads this answer: people find the refusal in the record.
    await recordRefusal(thisWorkflow(envelope.runbook), envelope, admission.problem);
    throw asFailure(admission.problem);
  }
  const run = runId(envelope.runbook, new Date(), uuid4());
  // The run goes on even when this launch is cancelled or fails.
  const started = await CancellationScope.nonCancellable(() =>
    startChild(envelope.runbook, {
      ...startOptions({ ...envelope, run }, admission.plan),
      parentClosePolicy: ParentClosePolicy.ABANDON,
    }),
  );
  try {
    await started.result();
    return { run, ended: 'well' };
  } catch (error) {
    return { run, ended: isCancellation(error) ? 'unknown' : 'not well' };
  }
}

// It may wait for days. It must not keep an old release's workers alive, and every release does
// these few steps alike.
setWorkflowOptions(
  () => (presentRelease() === '' ? {} : { versioningBehavior: 'AUTO_UPGRADE' }),
  launch,
);
