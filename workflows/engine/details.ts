import { shortDigest } from '../../language/digest.js';
import { decisionText } from '../../common/decision-text.js';
import { followingText, followingTitle } from '../../common/following.js';
import { leftBy, leftLine, leftTitle, stateText } from '../../common/left.js';
import type { JsonObject } from '../../language/json.js';
import { codeSpan, fenced, markdown, tableRow } from '../../common/markdown.js';
import { hasLines, linesOf } from '../../common/plain.js';
import { answersOf, outputCommand, usualForm } from '../../common/questions.js';
import { quoteArgument } from '../../common/quote-argument.js';
import { pausedText, resumeCommand } from '../../common/run-pause.js';
import { notDone, stepMarks } from '../../common/step-outcome.js';
import { utc } from '../../common/times.js';
import { beginningOf } from '../../common/visible.js';
import {
  endStates,
  type RunView,
  type StepState,
  type StepView,
  type WaitView,
} from '../../common/view.js';

/*
 * What the Temporal UI shows of a run, as Markdown: the step table; at a gate, the exact command
 * that approves it; at the end, how it went, what it has left, and who decided.
 */

/**
 * The run's current details.
 * @param command name of the command line
 */
export function renderDetails(view: RunView, command: string): string {
  const hasEnded = endStates.has(view.state);
  const left = leftBy(view);
  return [
    `**${view.state}** · ${inline(view.title)} · plan \`${shortDigest(view.planDigest)}\` · ` +
      `asked by ${inline(view.requester)}: ${inline(view.reason)}`,
    ...renderProblem(view, command),
    ...renderPaused(view, command),
    ...renderList(leftTitle, left.map(leftLine).map(inline)),
    ...view.waitingFor.flatMap((wait) => renderWait(view.id, wait, command)),
    ...(hasEnded ? renderList('Outputs', facts(view.outputs)) : []),
    ...(hasEnded ? blocks(view.outputs) : []),
    ...(hasEnded ? renderList('Decisions', decisions(view)) : []),
    ...renderSteps(view, new Set(left.map(({ step }) => step)), command),
  ].join('\n\n');
}

function renderProblem({ problem }: RunView, name: string): string[] {
  if (!problem) return [];
  const { message, next, command } = problem;
  const typed = command === undefined ? '' : ` with: ${codeSpan(`${name} ${command}`)}`;
  return [`**${inline(message)}**`, ...(next ? [`Next: ${inline(next)}${typed}`] : [])];
}

function renderPaused(view: RunView, command: string): string[] {
  const text = pausedText(view, utc);
  if (text === null) return [];
  return [`**${inline(text)}**`, `Go on with: ${codeSpan(resumeCommand(command, view.id))}`];
}

/** A title and its list, apart from what stands before. */
function renderList(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`**${title}**`, ...listOf(items)];
}

function listOf(items: readonly string[]): string[] {
  return items.length === 0 ? [] : [items.map((item) => `- ${item}`).join('\n')];
}

/** Texts with lines of their own, each below its name. */
function blocks(values: JsonObject): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    hasLines(value)
      ? [`${inline(name)}:`, fenced(beginningOf(linesOf(value).join('\n'), blockLength))]
      : [],
  );
}

function facts(values: JsonObject): string[] {
  const short = Object.entries(values).filter(([, value]) => !hasLines(value));
  return short.map(
    ([name, value]) =>
      `${inline(name)}: ${inline(typeof value === 'string' ? value : JSON.stringify(value))}`,
  );
}

function decisions(view: RunView): string[] {
  return view.decisions.map((each) => inline(`${utc(each.at)}: ${decisionText(each)}`));
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

function renderSteps(view: RunView, left: ReadonlySet<string>, command: string): string[] {
  const { steps } = view;
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
    ...shown.map((step) => renderStep(step, left)),
  ].join('\n');
  const all = codeSpan(statusCommand(command, view.id));
  return isLong
    ? [`${shown.length} of ${steps.length} steps; all of them: ${all}`, table]
    : [table];
}

/** Rows as they were last: the table is published at every step, and few rows have changed. */
const rendered = new WeakMap<StepView, { facts: string; text: string }>();

function renderStep(step: StepView, left: ReadonlySet<string>): string {
  const cells = [
    left.has(step.id) ? '!' : stepMarks[step.state],
    step.title,
    step.id,
    step.effect,
    stateText(step, left),
    String(step.attempts || ''),
    step.error?.message ?? notDone(step) ?? '',
  ] as const;
  const facts = cells.join('\0');
  const known = rendered.get(step);
  if (known?.facts === facts) return known.text;
  const [mark, title, id, effect, state, attempts, error] = cells;
  const what = `${inline(title)} ${codeSpan(id)}`;
  const text = row([mark, what, effect, state, attempts, inline(error)]);
  rendered.set(step, { facts, text });
  return text;
}

function statusCommand(command: string, run: string): string {
  return `${command} status ${quoteArgument(run)}`;
}

function renderWait(run: string, wait: WaitView, command: string): string[] {
  const output = outputCommand(command, run, wait);
  // Inline code wraps in the narrow column of the UI; a block would hide the end of the command.
  const answers = answersOf(command, run, wait).map(
    ({ verb, command: text }) => `- ${verb.replace('-', ' ')}: ${codeSpan(text)}`,
  );
  return [
    `**Waits for ${inline(wait.who)}: ${inline(wait.title)}**`,
    ...listOf(facts(wait.evidence)),
    ...blocks(wait.evidence),
    ...renderFollowing(run, wait, command),
    ...(output === null ? [] : [`What it has written: ${codeSpan(output)}`]),
    // A list behind a list would be one with it.
    'Answer with:',
    answers.join('\n'),
    `Form for scripts: ${codeSpan(usualForm(command, run, wait))}`,
  ];
}

/** More steps than people read in the narrow column of the UI. */
const followingShown = 30;

function renderFollowing(run: string, { follows = [] }: WaitView, command: string): string[] {
  if (follows.length === 0) return [];
  // The UI does not indent the items of an inner list: each step is a paragraph with its own list.
  const steps = follows.slice(0, followingShown).flatMap((step) => {
    const { title, facts: rest, lines } = followingText(step);
    return [`**${inline(title)}**: ${inline(rest)}`, ...listOf(lines.map(inline))];
  });
  const more = follows.length - followingShown;
  const rest = more > 0 ? [`${more} more: ${codeSpan(statusCommand(command, run))}`] : [];
  return [`${followingTitle}:`, ...steps, ...rest];
}

/** Characters that people are shown of a text with lines of its own. */
const blockLength = 1_500;

/** One table row; the UI draws no space between columns, so the cells bring their own. */
function row(cells: readonly string[]): string {
  return tableRow(cells.map((cell) => `${cell}\u00a0\u00a0`));
}

/** Text that came from outside, cut to what a person reads in one line. */
function inline(text: string): string {
  return markdown(text, 300);
}
