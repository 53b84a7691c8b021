import { ApplicationFailure } from '@temporalio/common';
import type { FailureDetail, OtherHost } from '../common/attempt.js';

/**
 * The answer of a worker that was given a command of another host: the run then asks a worker of
 * that host.
 */
export function onAnotherHost(host: OtherHost, attempt = 0): ApplicationFailure {
  const detail: FailureDetail = {
    next: `Start a worker on ${host.name}, with the journals of that host.`,
    attempt,
    details: { id: host.id, name: host.name } satisfies OtherHost,
  };
  return ApplicationFailure.create({
    type: 'OnAnotherHost',
    message:
      `the command was started on ${host.name}, and ` +
      'only a worker there can say what became of it',
    nonRetryable: true,
    details: [detail],
  });
}
