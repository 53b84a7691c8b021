import { leftBy, leftLine, leftTitle } from '../common/left.js';
import { wrap } from '../common/plain.js';
import { statedName } from '../common/sender.js';
import { isPart } from '../language/paths.js';
import type {
  DecisionView,
  Problem,
  ProgramChange,
  RecoveryView,
  RunView,
} from '../common/view.js';
import { shortDigest } from '../language/digest.js';
import { decisionText } from '../common/decision-text.js';
import { line, type Paint, pairs, shown } from './output.js';
import { pausedText, resumeCommand } from '../common/run-pause.js';
import { pauseText } from '../common/temporal-pauses.js';
import type { Frame } from './fit.js';
import { recoveryRows, spentRows } from './report/recovery.js';
import { changeText } from './report/words.js';
import { since } from './times.js';
import { bothTimes, duration } from '../common/times.js';
import { renderFacts, type ViewOptions } from './view-facts.js';
import { renderWait } from './view-wait.js';
import { renderSteps } from './view-steps.js';
import { capital, paintState } from './view-styles.js';

/** A run as a person reads it. */
export function renderView(view: RunView, options: ViewOptions): string {
  const { paint, columns } = options;
  const blocks = [
    head(view, options),
    ...(options.trouble ? [stuck(options.trouble, options)] : []),
    ...renderPauses(view, options),
    ...view.waitingFor.map((wait) => renderWait(view.id, wait, options)),
    renderSteps(view, options),
    ...(view.problem ? [problem(view, options)] : []),
    ...renderLeft(view, options),
    ...(view.decisions.length > 0 ? [renderDecisions(view.decisions, paint, columns)] : []),
    ...(Object.keys(view.outputs).length > 0
      ? [`${paint('bold', 'Outputs')}\n${renderFacts(view.outputs, options, '  ')}`]
      : []),
  ];
  return blocks.join('\n\n');
}

/** Who started a run and why, for whoever decides about it. */
export function startedLine(
  { id, requester, sender, startedAt, reason }: RunView,
  columns: number,
): string {
  const who = `by ${statedName(requester, sender)} at ${bothTimes(startedAt)}`;
  return wrap(`Run ${id}, started ${who}: ${reason || 'no reason given'}`, columns);
}

/** A live run for a terminal, with what asks for attention at its end. */
export function liveFrame(view: RunView, options: ViewOptions): Frame {
  const { paint, now = Date.now() } = options;
  const title = `${paint('bold', line(view.title))}: ${paintState(paint, view.state)}`;
  const facts = paint(
    'dim',
    `${view.id}, ${view.targets.join(', ') || 'no target'}, ${since(view.startedAt, now)}`,
  );
  const refused =
    view.decisions.at(-1)?.accepted === false
      ? [renderDecisions(view.decisions.slice(-1), paint, options.columns)]
      : [];
  // Parts that succeeded, or were not needed, add nothing to their group.
  const steps = view.steps.filter(
    (step) => !isPart(step.id) || !['succeeded', 'pending', 'not-needed'].includes(step.state),
  );
  const waits = view.waitingFor.map((wait) => renderWait(view.id, wait, options));
  return {
    head: `${title}\n${facts}`,
    body: renderSteps({ ...view, steps }, options),
    foot: [...refused, ...renderPauses(view, options), ...waits],
  };
}

/** The same as text, where it is shown once. */
export function renderLive(view: RunView, options: ViewOptions): string {
  const { head: about, body, foot } = liveFrame(view, options);
  return [about, body, ...foot].join('\n\n');
}

function head(
  view: RunView,
  { paint, columns, now = Date.now(), uiUrl, differing = [] }: ViewOptions,
): string {
  const ended = view.endedAt ? `, ended ${bothTimes(view.endedAt)}` : '';
  const took = duration(
    Math.max(0, (view.endedAt ? Date.parse(view.endedAt) : now) - Date.parse(view.startedAt)),
  );
  const ui = uiUrl ?? view.uiUrl;
  const rows: [string, string][] = [
    ['run', view.id],
    [
      'started',
      `${bothTimes(view.startedAt)} by ${statedName(view.requester, view.sender)}${ended}`,
    ],
    ['took', view.endedAt ? took : `${took} so far`],
    ['reason', view.reason || 'none given'],
    ['targets', view.targets.join(', ') || 'none'],
    ...(view.drill
      ? ([['drill', 'changes isolated targets only, and is undone at its end']] as [
          string,
          string,
        ][])
      : []),
    ...(view.recovery ? recoveryFacts(view.recovery) : []),
    ...(view.programsChanged ?? []).map(programRow),
    ['plan', shortDigest(view.planDigest)],
    ...(differing.length > 0
      ? ([['file differs', `${differing.join(', ')}; the run keeps what it began with`]] as [
          string,
          string,
        ][])
      : []),
    ...(ui ? ([['ui', ui]] as [string, string][]) : []),
  ];
  return (
    `${paint('bold', line(view.title))}: ` +
    `${paintState(paint, view.state)}\n${pairs(rows, columns, paint)}`
  );
}

function programRow(change: ProgramChange): [string, string] {
  return ['program changed', changeText(change)];
}

function recoveryFacts(recovery: RecoveryView): [string, string][] {
  const spent = spentRows(recovery).map(({ name, ms }) => `${name} ${duration(ms)}`);
  return [
    ...recoveryRows(recovery).map(({ name, verdict, reached }): [string, string] => [
      name,
      `${verdict}: ${reached}`,
    ]),
    ['time went to', spent.join(', ')],
  ];
}

function problem(view: RunView, { paint, columns }: ViewOptions): string {
  const next = view.problem?.next ? `\n${wrap(`Next: ${view.problem.next}`, columns)}` : '';
  const what = `${capital(view.state)}: ${view.problem?.message ?? ''}`;
  return `${paint('red', wrap(what, columns))}${next}`;
}

/** What is left of a run that did not end as it was meant to, and how to take it back. */
function renderLeft(view: RunView, { paint, columns }: ViewOptions): string[] {
  const left = leftBy(view);
  if (left.length === 0) return [];
  const lines = left.map((each) => wrap(leftLine(each), columns, '  '));
  return [`${paint('yellow', leftTitle)}\n${lines.join('\n')}`];
}

function stuck({ message, next }: Problem, { paint, columns }: ViewOptions): string {
  const lines = [paint('red', wrap(`Stuck: ${message}`, columns))];
  if (next) lines.push(wrap(`Next: ${next}`, columns));
  return lines.join('\n');
}

/** What was paused, by an operator or in Temporal, and the command that lets it go on. */
function renderPauses(
  view: RunView,
  { paint, columns, pauses = [], command = 'runbook' }: ViewOptions,
): string[] {
  const own = pausedText(view);
  const all = [
    ...(own === null ? [] : [{ text: own, next: resumeCommand(command, view.id) }]),
    ...pauses.map((pause) => ({ text: capital(pauseText(pause)), next: pause.next })),
  ];
  return all.map(
    ({ text, next }) =>
      `${paint('yellow', wrap(text, columns))}\n  ${'go on:'.padEnd(9)} ${shown(next)}`,
  );
}

function renderDecisions(
  decisions: readonly DecisionView[],
  paint: Paint,
  columns: number,
): string {
  const rows = decisions.map((each) =>
    wrap(`${bothTimes(each.at)}  ${decisionText(each)}`, columns, '  '),
  );
  return `${paint('bold', 'Decisions')}\n${rows.join('\n')}`;
}
