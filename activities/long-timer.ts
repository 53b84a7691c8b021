/** Longest time that a timer of Node.js takes, in milliseconds: a longer one is over at once. */
export const longestTimerMs = 2 ** 31 - 1;

/**
 * As `setTimeout`, for any time.
 * @param ms milliseconds
 * @returns stops it
 */
export function afterMs(ms: number, act: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (left: number): void => {
    const part = Math.min(left, longestTimerMs);
    timer = setTimeout(() => (left > part ? wait(left - part) : act()), part);
  };
  wait(ms);
  return () => clearTimeout(timer);
}
