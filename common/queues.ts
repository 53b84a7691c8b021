/*
 * The task queues of a group of workers. A run's own queue holds its workflow tasks, for workers of
 * the run's version, and its steps, which workers of every version poll: a retry of a pinned run's
 * activity is never handed to another version, unless no worker of the run's own version has ever
 * polled for activities there.
 */

/**
 * The queue of the engine's own short activities: admission, verdicts, leases, the record. A
 * separate one, because steps can fill a worker's slots for hours, and decisions must get through.
 */
export function engineQueue(taskQueue: string): string {
  return `${taskQueue}-engine`;
}

/**
 * The queue that only the workers of one host poll.
 * @param host id of the host, from the file beside its journals
 */
export function hostQueue(taskQueue: string, host: string): string {
  return `${taskQueue}@${host}`;
}

/**
 * The queue of steps that say on which host they run; all workers there poll it.
 * @param name of the host, as its workers are told it
 */
export function namedHostQueue(taskQueue: string, name: string): string {
  return `${taskQueue}${named}${name}`;
}

/** The host whose queue it is; null: it is another queue. */
export function namedHost(taskQueue: string, queue: string): string | null {
  const start = `${taskQueue}${named}`;
  return queue.startsWith(start) ? queue.slice(start.length) : null;
}

const named = '@host:';

/** The host's id in a place, which names host, boot and process namespace. */
export function hostOfPlace(place: string): string {
  // eslint-disable-next-line layers/step-paths -- a host, its boot and a namespace
  return place.split('/')[0] ?? place;
}
