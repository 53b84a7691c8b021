import type { AttemptView } from './view.js';

/**
 * That other workers had the attempt before: a worker died or stopped, and its outcome did not get
 * lost. Empty when it stayed with one worker.
 */
export function takeOverText({
  takeOvers = 0,
  worker,
}: Pick<AttemptView, 'takeOvers' | 'worker'>): string {
  if (takeOvers === 0) return '';
  const often = takeOvers === 1 ? 'once' : `${takeOvers} times`;
  return `taken over ${often} from a worker that died or stopped, last by ${worker}`;
}
