import { programTitle } from '../../common/programs.js';
import { answersOf, commandNameIn, usualForm } from '../../common/questions.js';
import type { ProgramChange, RunView, StepView, WaitView } from '../../common/view.js';
import type { Json } from '../../language/json.js';
import { currentStep, isLive, timeSpent, type Report } from './report.js';
import { leftBy, stateText } from '../../common/left.js';
import { pausedText } from '../../common/run-pause.js';
import { notDone } from '../../common/step-outcome.js';
import { statedName } from '../../common/sender.js';
import { takeOverText } from '../../common/take-overs.js';
import { overText } from '../../common/former-ends.js';
import { bothTimes, duration, utc } from '../../common/times.js';
import { isPart } from '../../language/paths.js';

/** `succeeded-with-exceptions` as a person says it. */
export function stateWords(state: string): string {
  const words = state.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** How the states of a run's steps are told; once it has ended, a pending step never began. */
export function stepWordsOf(view: RunView): (step: StepView) => string {
  const left = new Set(leftBy(view).map(({ step }) => step));
  return (step) => {
    if (step.state === 'pending' && !isLive(view)) return 'not begun';
    return stateWords(stateText(step, left)).toLowerCase();
  };
}

/** The run in one sentence or two: how it ended, how long it took, where it is now. */
export function summary(report: Report): string {
  const { view } = report;
  const spent = timeSpent(report);
  const listed = view.steps.filter((step) => !isPart(step.id));
  const done = listed.filter((step) => ['succeeded', 'done-by-hand'].includes(step.state)).length;
  const lost = report.attempts.filter((attempt) => attempt.state === 'lost').length;
  const taken = report.attempts.filter(({ takeOvers = 0 }) => takeOvers > 0).length;
  const at = currentStep(view);
  const paused = pausedText(view, utc);
  const parts = paused === null ? [] : [`${paused}.`];
  if (view.waitingFor.length > 0) {
    const wait = view.waitingFor[0];
    parts.push(
      `Waits for ${wait?.who ?? 'people'} since ` +
        `${utc(wait?.since ?? view.startedAt)}: ${wait?.title ?? ''}.`,
    );
  } else if (isLive(view) && paused === null) {
    parts.push(
      `${stateWords(view.state)} since ${utc(view.startedAt)}${at ? `, at: ${at.title}` : ''}.`,
    );
  } else if (!isLive(view)) {
    const where = ['failed', 'rolled-back'].includes(view.state) && at ? ` at: ${at.title}` : '';
    parts.push(`${stateWords(view.state)} after ${duration(spent.total)}${where}.`);
  }
  const spared = listed.filter(({ state }) => state === 'not-needed').length;
  const others = spared > 0 ? `, ${spared} not needed` : '';
  parts.push(`${done} of ${listed.length} steps done${others}.`);
  if (view.formerEnds)
    parts.push(`It had ended before, and went on: ${view.formerEnds.map(overText).join('; ')}.`);
  if (spent.waiting > 0) parts.push(`${duration(spent.waiting)} were spent waiting for people.`);
  if (spent.queued > 0) parts.push(`${duration(spent.queued)} were spent waiting for other runs.`);
  if (lost > 0)
    parts.push(`${lost} ${lost === 1 ? 'attempt' : 'attempts'} lost the worker; the run went on.`);
  if (taken > 0)
    parts.push(
      `${taken} ${taken === 1 ? 'attempt was' : 'attempts were'} ` +
        'taken over from a worker that died or stopped.',
    );
  return parts.join(' ');
}

/** Where a step's result comes from when the run did not make it; undefined when it did. */
export function takenText(
  { id, takenFrom }: StepView,
  { probed = [], drifted = [] }: RunView,
): string | undefined {
  if (drifted.includes(id)) return 'what was taken over no longer held: done anew';
  if (takenFrom === undefined) return undefined;
  return `taken over from run ${takenFrom}${probed.includes(id) ? ', and it still holds' : ''}`;
}

/** An attempt and what it was asked to do. */
interface Work {
  /** Title and step. */
  title: string;
  facts: string;
  lines: readonly string[];
}

/** Characters of one line of it that a page shows. */
const shownOfWork = 4_000;

/** What the attempts were asked to do, in the order in which they began. */
export function workOf({ attempts }: Report): Work[] {
  return attempts.flatMap((attempt) => {
    if (!attempt.does) return [];
    const how = [stateWords(attempt.state).toLowerCase(), takeOverText(attempt)].filter(Boolean);
    const facts = `attempt ${attempt.attempt} on ${attempt.host}: ${how.join('; ')}`;
    return [
      {
        title: `${attempt.undo ? 'Undo of ' : ''}${attempt.title} (${attempt.step})`,
        ...{ facts, lines: attempt.does.map((line) => clip(line, shownOfWork)) },
      },
    ];
  });
}

/** What stands above it, wherever it is shown. */
export const workTitle = 'What was done';

/** A changed program, in a line. */
export function changeText({ program, was, now, step, allowed }: ProgramChange): string {
  const who = allowed === 'system' ? 'the system changed it' : 'people let it run';
  return `${program}: ${was} → ${now}, at ${step}; ${who}`;
}

/** Programs that the attempts ran, except the system's: file and digest. */
function programsRun({ attempts }: Report): string[] {
  const found = attempts.flatMap((attempt) => attempt.programs ?? []);
  const programs = found.filter(({ uncovered }) => uncovered !== 'refused');
  const words = programs.map((each) =>
    each.system ? '' : `${programTitle(each)}: ${each.file ?? ''} ${each.digest ?? 'unreadable'}`,
  );
  return [...new Set(words)].filter(Boolean);
}

/** How often a step was tried, and how often a worker took it over from another one. */
export function triesText(step: StepView, { attempts }: Report): string {
  const own = attempts.filter((attempt) => attempt.step === step.id && !attempt.undo);
  const tries = Math.max(step.attempts, own.length);
  const takeOvers = own.reduce((sum, { takeOvers: times = 0 }) => sum + times, 0);
  if (tries === 0) return '';
  return `${tries}${takeOvers > 0 ? `, taken over ${takeOvers}×` : ''}`;
}

/** A step's result, and that of its undo, each in one line. */
export function outputLines(step: StepView, report: Report): string[] {
  const result = step.error?.message ?? notDone(step) ?? brief(step.output, 0);
  if (step.state !== 'undone')
    return cut([[takenText(step, report.view), result].filter(Boolean).join('; ')]);
  // The row of an undone step has the answer of its undo.
  const own = report.attempts.findLast(({ step: of, undo }) => of === step.id && !undo);
  const answer = own && (own.error?.message ?? (brief(own.output, 0) || own.state));
  const before = [takenText(step, report.view), answer].filter(Boolean).join('; ');
  return cut([before, result && `undo: ${result}`]);
}

function cut(lines: readonly string[]): string[] {
  return lines.filter(Boolean).map((line) => clip(line, 200));
}

/** A value in one line, cut at the end. */
export function brief(value: Json | undefined, depth = 0): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'object') return oneLine(String(value));
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : `${value.length} ${value.length === 1 ? 'item' : 'items'}`;
  if (depth > 0) return '{…}';
  return Object.entries(value)
    .slice(0, 8)
    .map(([key, inner]) => `${oneLine(key)}: ${brief(inner, depth + 1) || '-'}`)
    .join(', ');
}

/** At most `length` characters, the cut shown. */
export function clip(text: string, length: number): string {
  const line = oneLine(text);
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}

/** A title in at most `length` characters. Behind its last colon is what tells it from others. */
export function clipTitle(title: string, length: number): string {
  const line = oneLine(title);
  const at = line.lastIndexOf(': ');
  const own = at === -1 ? '' : line.slice(at);
  if (own.length > length / 2) return clip(line, length);
  return clip(line.slice(0, line.length - own.length), length - own.length) + own;
}

/** JSON for people, cut where it would fill the page. */
export function prettyJson(value: Json, length = 20_000): string {
  const text = JSON.stringify(value, null, 2);
  if (text.length <= length) return text;
  return (
    `${text.slice(0, length)}\n… cut here; ${(text.length - length).toLocaleString('en')} ` +
    'more characters are in the report as JSON'
  );
}

/** Pairs for the head of a report. */
export function facts(report: Report): [name: string, value: string][] {
  const { view } = report;
  const spent = timeSpent(report);
  return [
    ['Run', view.id],
    ['Runbook', `${view.runbook} ${view.runbookVersion}`],
    [
      'Type',
      `${stateWords(view.type.toLowerCase().replaceAll('_', '-'))}, ` +
        `${view.priority.toLowerCase()} priority`,
    ],
    ...(view.drill
      ? [['Drill', 'yes: isolated targets only, undone at its end'] as [string, string]]
      : []),
    ['Targets', view.targets.join(', ') || 'none'],
    ['Requester', statedName(view.requester, view.sender)],
    ['Reason', view.reason || 'none given'],
    ['Started', bothTimes(view.startedAt)],
    ['Ended', view.endedAt === null ? 'not yet' : bothTimes(view.endedAt)],
    ...formerEndFacts(view),
    ['Duration', duration(spent.total)],
    ['Waiting for people', duration(spent.waiting)],
    ...(spent.queued > 0
      ? [['Waiting for other runs', duration(spent.queued)] as [string, string]]
      : []),
    ['Executing', duration(spent.executing)],
    ['Between attempts', duration(spent.between)],
    ['Plan', view.planDigest],
    ...programsRun(report).map((text): [string, string] => ['Program', text]),
    ...(view.programsChanged ?? []).map((change): [string, string] => [
      'Program changed',
      changeText(change),
    ]),
    ['Read from', view.source === 'temporal' ? 'Temporal' : 'the record in PostgreSQL'],
  ];
}

/** Ends after which the run went on, each with what made it go on. */
function formerEndFacts({ startedAt, formerEnds = [] }: RunView): [string, string][] {
  return formerEnds.flatMap((end, index): [string, string][] => [
    [
      index === 0 ? 'First end' : `End ${index + 1}`,
      `${stateWords(end.state)} at ${bothTimes(end.endedAt)}, after ` +
        duration(Math.max(0, Date.parse(end.endedAt) - Date.parse(startedAt))),
    ],
    ['Went on', `${bothTimes(end.overAt)}: ${overText(end)}`],
  ]);
}

/** The report's heading. */
export function heading(view: RunView): string {
  return `${view.drill ? 'Drill: ' : ''}${view.title}: ${stateWords(view.state).toLowerCase()}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** The commands that answer what a run waits for, and the form for scripts, one a line. */
export function answerLines(run: string, wait: WaitView): string {
  const name = commandNameIn(wait);
  return [
    ...answersOf(name, run, wait).map(({ command }) => command),
    `# form for scripts: ${usualForm(name, run, wait)}`,
  ].join('\n');
}
