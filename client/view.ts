import { answersOf, commandNameIn, usualForm } from '../common/questions.js';
import { followingText, followingTitle } from '../common/following.js';
import { leftBy, leftLine, leftTitle, stateText } from '../common/left.js';
import { flat } from '../common/plain.js';
import { statedName } from '../common/sender.js';
import { isInside, isPart, undoPath } from '../language/paths.js';
import type {
  DecisionView,
  Problem,
  ProgramChange,
  RecoveryView,
  RunState,
  RunView,
  StepState,
  StepView,
  WaitView,
} from '../common/view.js';
import { shortDigest } from '../language/digest.js';
import type { Json } from '../language/json.js';
import type { ToldCall } from '../store/index.js';
import { deadlineText } from '../common/deadline-text.js';
import { decisionText } from '../common/decision-text.js';
import { hasEnded } from './exit-codes.js';
import { usualColumns } from './io.js';
import { line, pairs, shown, type Paint, type Style } from './output.js';
import { wrap } from '../common/plain.js';
import { pauseText, type TemporalPause } from '../common/temporal-pauses.js';
import type { PendingAttempt } from './pending.js';
import { problemText } from './problem-text.js';
import { foldNotNeeded } from './report/fold.js';
import { recoveryRows, spentRows } from './report/recovery.js';
import { changeText, takenText } from './report/words.js';
import { tableLines } from './table.js';
import { since } from './times.js';
import { toldLines } from './told.js';
import { bothTimes, duration } from '../common/times.js';

export interface ViewOptions {
  paint: Paint;
  columns: number;
  /** Epoch milliseconds; durations of what still runs are up to here. */
  now?: number;
  pending?: readonly PendingAttempt[];
  pauses?: readonly TemporalPause[];
  uiUrl?: string | null;
  /** How the command line is called here; else as the worker calls it. */
  command?: string;
  /** What people were told of what it waits for. */
  told?: readonly ToldCall[];
  /** Lists are not cut. */
  whole?: boolean;
  /** What keeps the run from going on. */
  trouble?: Problem | null;
}

/** Lists longer than this are cut; JSON has all of it. */
const evidenceLines = 40;

/** A run as a person reads it. */
export function renderView(view: RunView, options: ViewOptions): string {
  const { paint, columns } = options;
  const blocks = [
    head(view, options),
    ...(options.trouble ? [stuck(options.trouble, options)] : []),
    ...renderPauses(options),
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

/** Who started a run and why, for whoever decides about it. */
export function startedLine(
  { id, requester, sender, startedAt, reason }: RunView,
  columns: number,
): string {
  const who = `by ${statedName(requester, sender)} at ${bothTimes(startedAt)}`;
  return wrap(`Run ${id}, started ${who}: ${reason || 'no reason given'}`, columns);
}

/** A live run, short enough for a terminal, with what asks for attention at its end. */
export function renderLive(view: RunView, options: ViewOptions): string {
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
  return [
    `${title}\n${facts}`,
    renderSteps({ ...view, steps }, options),
    ...refused,
    ...renderPauses(options),
    ...waits,
  ].join('\n\n');
}

function head(view: RunView, { paint, columns, now = Date.now(), uiUrl }: ViewOptions): string {
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
    ...(ui ? ([['ui', ui]] as [string, string][]) : []),
  ];
  return `${paint('bold', line(view.title))}: ${paintState(paint, view.state)}\n${pairs(rows, columns, paint)}`;
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

/** What the run waits for, what the approver is shown, and the commands that decide. */
export function renderWait(run: string, wait: WaitView, options: ViewOptions): string {
  const { paint, columns, now = Date.now(), told = [] } = options;
  const facts = renderFacts(wait.evidence, options, '  ');
  return [
    paint('yellow', wrap(`Waits for ${wait.who}: ${wait.title}`, columns)),
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

/** The commands that answer, the usual one first, and its form for scripts. */
function commandLines(run: string, wait: WaitView, { paint, command }: ViewOptions): string[] {
  const name = command ?? commandNameIn(wait);
  const answers = answersOf(name, run, wait).map(({ verb, command: text }, index) => {
    const label = `${verb.replace('-', ' ')}:`.padEnd(11);
    return `  ${label}${index === 0 ? paint('bold', shown(text)) : shown(text)}`;
  });
  const form = `  form for scripts: ${shown(usualForm(name, run, wait))}`;
  return [...answers, paint('dim', form)];
}

/** The step table; errors and progress stand below their step. */
function renderSteps(
  view: RunView,
  { paint, columns, now = Date.now(), pending = [] }: ViewOptions,
): string {
  const ended = hasEnded(view.state);
  const steps = foldNotNeeded(view.steps);
  const left = new Set(leftBy(view).map((each) => each.step));
  const rows = steps.map((step) => [
    ended && step.state === 'pending' ? ' ' : left.has(step.id) ? '!' : marks[step.state],
    step.id,
    step.title,
    (left.has(step.id) ? stateText(step, left) : stateWord(step, ended)) +
      (step.attempts > 1 ? ` ×${step.attempts}` : ''),
    step.startedAt && step.state !== 'not-needed'
      ? duration(
          Math.max(0, (step.endedAt ? Date.parse(step.endedAt) : now) - Date.parse(step.startedAt)),
        )
      : '',
  ]);
  const colour = (cell: string, row: number): string => {
    const step = steps[row];
    if (!step) return cell;
    return paint(
      left.has(step.id) && step.state !== 'failed' ? 'yellow' : styles[step.state],
      cell,
    );
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
      const style = step.state === 'failed' ? 'red' : 'dim';
      const text = wrap(problemText(step.error), columns, '   ');
      return text.split('\n').map((each) => paint(style, each));
    }
    const taken = takenText(step, view);
    const attempt = pending.find(
      (each) => each.step === step.id || each.step === undoPath(step.id),
    );
    const lines = [
      ...(taken === undefined ? [] : [wrap(taken, columns, '   ')]),
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

function problem(view: RunView, { paint, columns }: ViewOptions): string {
  const next = view.problem?.next ? `\n${wrap(`Next: ${view.problem.next}`, columns)}` : '';
  return `${paint('red', wrap(`${capital(view.state)}: ${view.problem?.message ?? ''}`, columns))}${next}`;
}

/** What is left of a run that did not end as it was meant to, and how to take it back. */
function renderLeft(view: RunView, { paint, columns }: ViewOptions): string[] {
  const left = leftBy(view);
  if (left.length === 0) return [];
  const lines = left.map((each) => wrap(leftLine(each), columns, '  '));
  return [`${paint('yellow', leftTitle)}\n${lines.join('\n')}`];
}

function stuck({ message, next }: Problem, { paint, columns }: ViewOptions): string {
  return `${paint('red', wrap(`Stuck: ${message}`, columns))}${next ? `\n${wrap(`Next: ${next}`, columns)}` : ''}`;
}

/** What somebody paused in Temporal, and the command that unpauses it. */
function renderPauses({ paint, columns, pauses = [] }: ViewOptions): string[] {
  return pauses.map(
    (pause) =>
      `${paint('yellow', wrap(capital(pauseText(pause)), columns))}\n  ${'go on:'.padEnd(9)} ${shown(pause.next)}`,
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

/** Named facts, nested ones indented, long lists cut. */
function renderFacts(
  facts: Readonly<Record<string, Json>>,
  options: Pick<ViewOptions, 'paint' | 'columns' | 'whole'>,
  indent: string,
): string {
  const lines = factLines(facts, options, indent).flatMap((each) => each.split('\n'));
  if (options.whole || lines.length <= evidenceLines) return lines.join('\n');
  return [
    ...lines.slice(0, evidenceLines),
    `${indent}… ${lines.length - evidenceLines} more lines with --output json`,
  ].join('\n');
}

function factLines(
  facts: Readonly<Record<string, Json>>,
  options: Pick<ViewOptions, 'paint' | 'columns'>,
  indent: string,
): string[] {
  const { paint, columns } = options;
  const room = Math.min(24, Math.max(0, ...Object.keys(facts).map((name) => line(name).length)));
  return Object.entries(facts).flatMap(([name, value]) => {
    const label = paint('dim', line(name).padEnd(room));
    if (
      value !== null &&
      typeof value === 'object' &&
      !Array.isArray(value) &&
      Object.keys(value).length > 0 &&
      flat(value).length > Math.min(columns, usualColumns) - room - 4
    ) {
      return [`${indent}${label}`, ...factLines(value, options, `${indent}  `)];
    }
    if (Array.isArray(value) && value.some((item) => item !== null && typeof item === 'object')) {
      return [
        `${indent}${label}`,
        ...value.map((item) => wrap(flat(item), columns, `${indent}  `)),
      ];
    }
    const hanging = `${indent}${' '.repeat(room + 2)}`;
    const text = wrap(flat(value) || '-', columns, hanging);
    // A name too long for its column gets a line of its own.
    return line(name).length > room
      ? [`${indent}${label}`, text]
      : [`${indent}${label}  ${text.trimStart()}`];
  });
}

function paintState(paint: Paint, state: RunState): string {
  return paint(runStyles[state], state);
}

function stateWord(step: StepView, ended: boolean): string {
  return ended && step.state === 'pending' ? 'not begun' : step.state;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

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

const styles: Record<StepState, Style> = {
  pending: 'dim',
  waiting: 'yellow',
  running: 'cyan',
  succeeded: 'green',
  failed: 'red',
  'needs-operator': 'yellow',
  unknown: 'red',
  skipped: 'dim',
  'done-by-hand': 'green',
  'not-needed': 'dim',
  undoing: 'cyan',
  undone: 'yellow',
};

const runStyles: Record<RunState, Style> = {
  running: 'cyan',
  waiting: 'yellow',
  'needs-operator': 'yellow',
  paused: 'yellow',
  'rolling-back': 'cyan',
  succeeded: 'green',
  'succeeded-with-exceptions': 'yellow',
  failed: 'red',
  'rolled-back': 'yellow',
  rejected: 'yellow',
  cancelled: 'yellow',
  terminated: 'red',
};
