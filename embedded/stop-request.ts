import { constants } from 'node:os';

/*
 * How a process is asked to end. Whoever has started servers ends them then: they are processes of
 * their own, and nobody else would.
 */

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let isWatched = false;

/**
 * Calls back the first time that somebody asks this process to end: by a signal, or by no longer
 * reading what it prints. What comes later changes nothing, so that it can end in order.
 * @param stop gets the exit code that says so
 * @returns takes it back
 */
export function onStopRequest(stop: (exitCode: number) => void): () => void {
  endWhenUnread();
  let isAsked = false;
  const listeners = signals.map((signal) => {
    const listener = (): void => {
      if (isAsked) return;
      isAsked = true;
      stop(128 + constants.signals[signal]);
    };
    process.on(signal, listener);
    return [signal, listener] as const;
  });
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}

/**
 * As `onStopRequest`, and ends the process when all is cleaned up, or cannot be.
 * @returns takes it back
 */
export function cleanUpOnStop(cleanUp: () => Promise<void>): () => void {
  return onStopRequest((exitCode) => {
    const exit = (): void => process.exit(exitCode);
    cleanUp().then(exit, exit);
  });
}

/**
 * Ends this process when nobody reads what it prints any more, as in `runbook runs | head`: as
 * SIGTERM does where something listens to that, else at once and without a complaint.
 */
export function endWhenUnread(): void {
  if (isWatched) return;
  isWatched = true;
  let isEnding = false;
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (isEnding) return;
      isEnding = true;
      if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(0);
    });
}
