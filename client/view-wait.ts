import { followingText, followingTitle } from '../common/following.js';
import { wrap } from '../common/plain.js';
import type { RunView, WaitView } from '../common/view.js';
import { deadlineText } from '../common/deadline-text.js';
import { since } from './times.js';
import { toldLines } from './told.js';
import { bothTimes } from '../common/times.js';
import { commandLines, evidenceLines, renderFacts, type ViewOptions } from './view-facts.js';

/** What would be undone now, in that order; empty when it is not known. */
export function undoLines({ undos, steps }: RunView): string[] {
  if (!undos) return [];
  if (undos.length === 0) return ['Undone: nothing; no step that was begun has an undo.'];
  const lines = undos.map((path) => {
    const step = steps.find((each) => each.id === path);
    return `  ${path}: ${step?.undo ?? step?.title ?? ''}`;
  });
  return ['Undone, in this order:', ...lines];
}

/** What the run waits for, what the approver is shown, and the commands that decide. */
export function renderWait(run: string, wait: WaitView, options: ViewOptions): string {
  const { paint, columns, now = Date.now(), told = [] } = options;
  const facts = renderFacts(wait.evidence, options, '  ');
  return [
    // Line by line: a low terminal shows the first alone.
    ...wrap(`Waits for ${wait.who}: ${wait.title}`, columns)
      .split('\n')
      .map((each) => paint('yellow', each)),
    paint(
      'dim',
      wrap(
        `since ${bothTimes(wait.since)} (${since(wait.since, now)})${deadlineText(wait.deadline)}`,
        columns,
        '  ',
      ),
    ),
    ...(facts ? ['', facts] : []),
    ...renderFollowing(wait, options),
    '',
    ...commandLines(run, wait, options),
    ...toldLines(told, wait, now).map((text) => paint('dim', wrap(text, columns, '  '))),
  ].join('\n');
}

/** What an approval lets happen. */
function renderFollowing({ follows = [] }: WaitView, { paint, columns, whole }: ViewOptions) {
  if (follows.length === 0) return [];
  const lines = follows.flatMap((step) => {
    const { title, facts, does, undo } = followingText(step);
    return [
      wrap(title, columns, '  '),
      paint('dim', wrap(facts, columns, '    ')),
      ...does.map((text) => wrap(text, columns, '    ')),
      ...undo.map((text) => paint('dim', wrap(`undo: ${text}`, columns, '    '))),
    ];
  });
  const shownLines = whole ? lines : lines.slice(0, evidenceLines);
  const more = lines.length - shownLines.length;
  return [
    '',
    `${followingTitle}:`,
    ...shownLines,
    ...(more > 0 ? [`  … ${more} more lines with --output json`] : []),
  ];
}
