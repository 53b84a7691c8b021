import { changedSince, type ForgottenTraffic } from '../../../common/delivery/set-traffic.js';
import type { ExpectedTraffic } from '../../../language/kinds/delivery/analysis.js';
import { StepFailure } from '../../failure.js';
import { describeServers, type ObservedTraffic } from '../traffic/switch.js';

/**
 * Was the proxy restarted, and does it differ from what it was told since?
 * @throws StepFailure Inconclusive when it differs without a restart: then somebody else has
 *   changed it
 */
export function forgottenBy(
  seen: ObservedTraffic,
  expected: ExpectedTraffic | undefined,
): ForgottenTraffic | null {
  if (!expected || changedSince(seen.servers, expected.servers).length === 0) return null;
  const says =
    `${seen.proxy} says ${describeServers(seen.servers)}, and was told ` +
    `${describeServers(expected.servers)}`;
  if (seen.started !== undefined && expected.started !== null && seen.started !== expected.started)
    return { forgotten: `it was restarted: ${says}` };
  throw new StepFailure('Inconclusive', `somebody else has changed the weights: ${says}`, {
    next:
      'Find out who. `retry` measures again once they are as they were, `skip` goes on with ' +
      'the release, `rollback` undoes it.',
  });
}
