import { changedSince, type ForgottenTraffic } from '../../common/set-traffic.js';
import type { ExpectedTraffic } from '../../language/runbook.js';
import { StepFailure } from '../failure.js';
import { words, type ObservedTraffic } from '../traffic/index.js';

/**
 * Has the proxy been started anew and does something else since?
 * @throws StepFailure Inconclusive when it was not started anew: then somebody else wanted it so
 */
export function forgottenBy(
  seen: ObservedTraffic,
  expected: ExpectedTraffic | undefined,
): ForgottenTraffic | null {
  if (!expected || changedSince(seen.servers, expected.servers).length === 0) return null;
  const says = `${seen.proxy} says ${words(seen.servers)}, and was told ${words(expected.servers)}`;
  if (seen.started !== undefined && expected.started !== null && seen.started !== expected.started)
    return { forgotten: `it was restarted: ${says}` };
  throw new StepFailure('Inconclusive', `somebody else has changed the weights: ${says}`, {
    next: 'Find out who. `retry` measures again once they are as they were, `skip` goes on with the release, `rollback` takes it back.',
  });
}
