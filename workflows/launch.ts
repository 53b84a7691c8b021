import { ApplicationFailure } from '@temporalio/workflow';
import type { Admission } from '../common/admission.js';
import type { StartEnvelope } from '../common/envelope.js';
import { platformActivities } from './engine/activities.js';

/**
 * Admission where no run exists yet: what `runbook plan` shows and what `runbook start` asks before it starts anything.
 * The run that follows is admitted again by itself; the digest that the person saw travels with the start.
 */
export async function launch(envelope: StartEnvelope): Promise<Admission> {
  if (envelope?.verb !== 'plan') {
    throw ApplicationFailure.create({ type: 'Refused', message: 'launch answers `plan` only', nonRetryable: true });
  }
  return platformActivities.admit({ version: 1, key: null, envelope, startedAt: null });
}
