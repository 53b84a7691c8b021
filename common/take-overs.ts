import type { AttemptView } from './view.js';

/**
 * Says that another worker took the attempt over from one that died or stopped. Empty when one
 * worker had it all the time.
 */
export function takeOverText({
  takeOvers = 0,
  worker,
}: Pick<AttemptView, 'takeOvers' | 'worker'>): string {
  if (takeOvers === 0) return '';
  const often = takeOvers === 1 ? 'once' : `${takeOvers} times`;
  return `taken over ${often} from a worker that died or stopped, last by ${worker}`;
}
