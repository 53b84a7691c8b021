import { leftBy, stateText } from '../common/left.js';
import { flat, wrap } from '../common/plain.js';
import { hasOwnTime, notDone, outcomeOf, stepMarks } from '../common/step-outcome.js';
import { isInside, undoPath } from '../language/paths.js';
import type { RunView, StepView } from '../common/view.js';
import { hasEnded } from './exit-codes.js';
import type { PendingAttempt } from './pending.js';
import { problemText } from './problem-text.js';
import { foldNotNeeded } from './report/fold.js';
import { takenText } from './report/words.js';
import { tableLines } from './table.js';
import { duration } from '../common/times.js';
import type { ViewOptions } from './view-facts.js';
import { styleOf } from './view-styles.js';

/** The step table; errors and progress stand below their step. */
export function renderSteps(
  view: RunView,
  { paint, columns, now = Date.now(), pending = [] }: ViewOptions,
): string {
  const ended = hasEnded(view.state);
  const steps = foldNotNeeded(view.steps);
  const left = new Set(leftBy(view).map((each) => each.step));
  const rows = steps.map((step) => [
    ended && step.state === 'pending' ? ' ' : left.has(step.id) ? '!' : stepMarks[step.state],
    step.id,
    step.title,
    (ended && step.state === 'pending' ? 'not begun' : stateText(step, left)) +
      (step.attempts > 1 ? ` ×${step.attempts}` : ''),
    step.startedAt && hasOwnTime(step)
      ? duration(
          Math.max(0, (step.endedAt ? Date.parse(step.endedAt) : now) - Date.parse(step.startedAt)),
        )
      : '',
  ]);
  const colour = (cell: string, row: number): string => {
    const step = steps[row];
    if (!step) return cell;
    return paint(left.has(step.id) && step.state !== 'failed' ? 'yellow' : styleOf(step), cell);
  };
  const table = tableLines(
    {
      columns: [
        { name: '', style: colour },
        { name: 'STEP' },
        { name: 'TITLE' },
        { name: 'STATE', style: colour },
        { name: 'TIME', align: 'right' },
      ],
      narrow: [
        ['TITLE', 20],
        ['STEP', 24],
        ['TIME', 'below'],
        ['TITLE', 'below'],
        ['STEP', 14],
      ],
    },
    rows,
    columns,
    paint,
  );
  const below = (step: StepView): string[] => {
    if (step.error) {
      // A group fails with its part's error, which stands at the part.
      if (
        steps.some(
          (part) => isInside(part.id, step.id) && part.error?.message === step.error?.message,
        )
      )
        return [];
      const style = outcomeOf(step) === 'failed' ? 'red' : 'dim';
      const text = wrap(problemText(step.error), columns, '   ');
      return text.split('\n').map((each) => paint(style, each));
    }
    const taken = takenText(step, view);
    const omitted = notDone(step);
    const attempt = pending.find(
      (each) => each.step === step.id || each.step === undoPath(step.id),
    );
    const lines = [
      ...(taken === undefined ? [] : [wrap(taken, columns, '   ')]),
      ...(omitted === null ? [] : [wrap(omitted, columns, '   ')]),
      ...(attempt ? pendingLines(attempt, columns) : []),
    ];
    return lines.map((each) => paint('dim', each));
  };
  return [
    table.head,
    ...steps.flatMap((step, index) => [table.rows[index] ?? '', ...below(step)]),
  ].join('\n');
}

function pendingLines(attempt: PendingAttempt, columns: number): string[] {
  const progress = attempt.progress ? flat(attempt.progress) : '';
  return [
    ...(progress ? [wrap(progress, columns, '   ')] : []),
    ...(attempt.attempt > 1 && attempt.lastFailure
      ? [wrap(`attempt ${attempt.attempt}; before: ${attempt.lastFailure}`, columns, '   ')]
      : []),
  ];
}
