import {
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  type ConnectionOptions,
} from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Retries = Parameters<typeof makeGrpcRetryInterceptor>[0];
type Status = Parameters<Retries['retryableDecider']>[1];
type Next = Parameters<Interceptor>[1];
type Call = ReturnType<Next>;

/**
 * Retries of requests to the Temporal server that end with the connection. Those of the SDK go on
 * behind its end: the next one then throws from a timer, where nobody can catch it, and takes the
 * process with it.
 * @param maxAttempts tries of one request
 * @returns the interceptor for the connection; `end` has to be called before the connection is
 *   closed
 */
export function endableRetries(maxAttempts: number): { interceptor: Interceptor; end(): void } {
  const options = defaultGrpcRetryOptions({ maxAttempts });
  let hasEnded = false;
  const interceptor: Interceptor = (call, next) => {
    let failure: Status | undefined;
    const retryableDecider: Retries['retryableDecider'] = (attempt, status) => {
      failure = status;
      return !hasEnded && options.retryableDecider(attempt, status);
    };
    const orEnd: Next = (again) => (hasEnded && failure ? failedCall(failure) : next(again));
    return makeGrpcRetryInterceptor({ ...options, retryableDecider })(call, orEnd);
  };
  return {
    interceptor,
    end() {
      hasEnded = true;
    },
  };
}

/** A request that fails at once as the one before it did. */
function failedCall(failure: Status): Call {
  const call: Partial<Call> = {
    start: (_metadata, listener) => listener?.onReceiveStatus?.(failure),
    sendMessage: () => undefined,
    halfClose: () => undefined,
  };
  return call as Call;
}
