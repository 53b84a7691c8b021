/*
 * The task queues of a group of workers, all named after the queue that its runs are started on. Workflow tasks go to that
 * queue itself, to workers of the run's own version; activities go to queues that workers of every version serve, because
 * a retry of a pinned run's activity is never handed to another version.
 */

/** Where a run's steps go. @param taskQueue the run's own */
export function stepsQueue(taskQueue: string): string {
  return `${taskQueue}-steps`;
}

/**
 * Where the engine's own short work goes: admission, verdicts, leases, the record. Steps that take all of a worker's slots
 * for hours must not keep a run from hearing that it is to end.
 */
export function engineQueue(taskQueue: string): string {
  return `${taskQueue}-engine`;
}

/** Where only the workers of one host take activities. @param host id of the host, from the file beside its journals */
export function hostQueue(taskQueue: string, host: string): string {
  return `${taskQueue}@${host}`;
}

/** The host's id in a place, which is host, boot and process namespace. */
export function hostOfPlace(place: string): string {
  return place.split('/')[0] ?? place;
}
