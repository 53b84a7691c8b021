import { shortDigest } from '../../language/digest.js';
import { codeSpan, markdown, tableRow } from '../../common/markdown.js';
import type { RunView, StepState, StepView, WaitView } from '../../common/view.js';

/*
 * What the Temporal UI shows of a run, as Markdown: the step table and, at a gate, the exact
 * command that approves it.
 */

const marks: Record<StepState, string> = {
  pending: '·',
  waiting: '…',
  running: '▶',
  succeeded: '✓',
  failed: '✗',
  'needs-operator': '!',
  unknown: '?',
  skipped: '–',
  'done-by-hand': '✓',
  'not-needed': '–',
  undoing: '←',
  undone: '←',
};

/** The run's current details. */
export function renderDetails(view: RunView): string {
  return [
    `**${view.state}** · ${inline(view.title)} · plan \`${shortDigest(view.planDigest)}\` · asked by ${inline(view.requester)}: ${inline(view.reason)}`,
    ...(view.problem
      ? [
          `**${inline(view.problem.message)}**${view.problem.next ? ` ${inline(view.problem.next)}` : ''}`,
        ]
      : []),
    ...view.waitingFor.map(renderWait),
    ...renderSteps(view.steps),
  ].join('\n\n');
}

/**
 * Runs with more steps show those around the present one, and any that run or wait for people.
 */
const allShown = 100;
const shownBefore = 30;
const shownBehind = 20;
const live: ReadonlySet<StepState> = new Set([
  'waiting',
  'running',
  'undoing',
  'needs-operator',
  'unknown',
  'failed',
]);

function renderSteps(steps: readonly StepView[]): string[] {
  const here = steps.findLastIndex((step) => step.state !== 'pending');
  const near = (index: number): boolean =>
    index >= here - shownBefore && index <= here + shownBehind;
  const isLong = steps.length > allShown;
  const shown = isLong
    ? steps.filter((step, index) => near(index) || live.has(step.state)).slice(-allShown)
    : steps;
  const table = [
    row(['', 'step', 'effect', 'state', 'attempts', 'what']),
    '|-|:-|:-|:-|:-|:-|',
    ...shown.map(renderStep),
  ].join('\n');
  return isLong
    ? [`${shown.length} of ${steps.length} steps; all of them: \`runbook status\``, table]
    : [table];
}

function renderWait(wait: WaitView): string {
  const evidence = Object.entries(wait.evidence)
    .map(
      ([name, value]) =>
        `- ${inline(name)}: ${inline(typeof value === 'string' ? value : JSON.stringify(value))}`,
    )
    .join('\n');
  // Inline code wraps in the narrow column of the UI; a block would hide the end of the command.
  return [
    `**Waits for ${inline(wait.who)}: ${inline(wait.title)}**`,
    evidence,
    codeSpan(wait.command),
  ]
    .filter(Boolean)
    .join('\n\n');
}

function renderStep(step: StepView): string {
  const name = `${inline(step.title)} ${codeSpan(step.id)}`;
  return row([
    marks[step.state],
    name,
    step.effect,
    step.state,
    String(step.attempts || ''),
    inline(step.error?.message ?? ''),
  ]);
}

/** One table row; the UI draws no space between columns, so the cells bring their own. */
function row(cells: readonly string[]): string {
  return tableRow(cells.map((cell) => `${cell}\u00a0\u00a0`));
}

/** Text that came from outside, cut to what a person reads in one line. */
function inline(text: string): string {
  return markdown(text, 300);
}
