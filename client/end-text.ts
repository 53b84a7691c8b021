import { leftBy, leftLine } from '../common/left.js';
import type { RunView } from '../common/view.js';
import { problemText } from './problem-text.js';

/** How a run has ended, for who has waited for it, with all that it has left. */
export function endText(view: RunView): string {
  const why = view.problem ? `: ${problemText(view.problem)}` : '';
  const left = leftBy(view).map((each) => `  not taken back: ${leftLine(each)}`);
  return [`${view.id} has ended: ${view.state}${why}`, ...left].join('\n');
}
