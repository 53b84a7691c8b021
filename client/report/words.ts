import { programTitle } from '../../common/programs.js';
import type { ProgramChange, RunView, StepState, StepView } from '../../common/view.js';
import type { Json } from '../../language/json.js';
import { currentStep, isLive, timeSpent, type Report } from './report.js';

/**
 * A duration as people say it, with two units at most: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 03
 * min`, `3 d 4 h`.
 */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `2026-03-01 02:00:00 UTC`. */
export function utc(iso: string): string {
  return `${new Date(iso).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** UTC with the local time behind it, where that differs. */
export function bothTimes(iso: string): string {
  const at = new Date(iso);
  const offset = -at.getTimezoneOffset();
  if (offset === 0) return utc(iso);
  const local = new Date(at.getTime() + offset * 60_000)
    .toISOString()
    .slice(0, 19)
    .replace('T', ' ');
  const sign = offset < 0 ? '-' : '+';
  const zone = `${sign}${String(Math.floor(Math.abs(offset) / 60)).padStart(2, '0')}:${String(Math.abs(offset) % 60).padStart(2, '0')}`;
  return `${utc(iso)} (local ${local} ${zone})`;
}

/** `succeeded-with-exceptions` as a person says it. */
export function stateWords(state: string): string {
  const words = state.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A step's state in words; in a run that has ended, a pending step never began. */
export function stepWords(state: StepState, view: RunView): string {
  return state === 'pending' && !isLive(view) ? 'not begun' : stateWords(state).toLowerCase();
}

/** The run in one sentence or two: how it ended, how long it took, where it is now. */
export function summary(report: Report): string {
  const { view } = report;
  const spent = timeSpent(report);
  const listed = view.steps.filter((step) => !step.id.includes('/'));
  const done = listed.filter((step) => ['succeeded', 'done-by-hand'].includes(step.state)).length;
  const lost = report.attempts.filter((attempt) => attempt.state === 'lost').length;
  const at = currentStep(view);
  const parts: string[] = [];
  if (view.waitingFor.length > 0) {
    const wait = view.waitingFor[0];
    parts.push(
      `Waits for ${wait?.who ?? 'people'} since ${utc(wait?.since ?? view.startedAt)}: ${wait?.title ?? ''}.`,
    );
  } else if (isLive(view)) {
    parts.push(
      `${stateWords(view.state)} since ${utc(view.startedAt)}${at ? `, at: ${at.title}` : ''}.`,
    );
  } else {
    const where = ['failed', 'rolled-back'].includes(view.state) && at ? ` at: ${at.title}` : '';
    parts.push(`${stateWords(view.state)} after ${duration(spent.total)}${where}.`);
  }
  parts.push(`${done} of ${listed.length} steps done.`);
  if (spent.waiting > 0) parts.push(`${duration(spent.waiting)} were spent waiting for people.`);
  if (spent.queued > 0) parts.push(`${duration(spent.queued)} were spent waiting for other runs.`);
  if (lost > 0)
    parts.push(`${lost} ${lost === 1 ? 'attempt' : 'attempts'} lost the worker; the run went on.`);
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

/** A changed program, in a line. */
export function changeText({ program, was, now, step, allowed }: ProgramChange): string {
  const who = allowed === 'system' ? 'the system changed it' : 'people let it run';
  return `${program}: ${was} → ${now}, at ${step}; ${who}`;
}

/** Programs that the attempts ran, except the system's: file and digest. */
function programsRun({ attempts }: Report): string[] {
  const programs = attempts.flatMap((attempt) => attempt.programs ?? []);
  const words = programs.map((each) =>
    each.system ? '' : `${programTitle(each)}: ${each.file ?? ''} ${each.digest ?? 'unreadable'}`,
  );
  return [...new Set(words)].filter(Boolean);
}

/** A step's result in one line. */
export function outputLine(step: StepView, view: RunView): string {
  const result = step.error ? step.error.message : brief(step.output, 0);
  return clip([takenText(step, view), result].filter(Boolean).join('; '), 200);
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

/** JSON for people, cut where it would fill the page. */
export function prettyJson(value: Json, length = 20_000): string {
  const text = JSON.stringify(value, null, 2);
  if (text.length <= length) return text;
  return `${text.slice(0, length)}\n… cut here; ${(text.length - length).toLocaleString('en')} more characters are in: runbook status --output json`;
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
      `${stateWords(view.type.toLowerCase().replaceAll('_', '-'))}, ${view.priority.toLowerCase()} priority`,
    ],
    ...(view.drill
      ? [['Drill', 'yes: isolated targets only, taken back at its end'] as [string, string]]
      : []),
    ['Targets', view.targets.join(', ') || 'none'],
    ['Requester', view.requester],
    ['Reason', view.reason || 'none given'],
    ['Started', bothTimes(view.startedAt)],
    ['Ended', view.endedAt === null ? 'not yet' : bothTimes(view.endedAt)],
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
    ['Read from', view.source === 'temporal' ? 'the running engine' : 'the record in PostgreSQL'],
  ];
}

/** The report's heading. */
export function heading(view: RunView): string {
  return `${view.drill ? 'Drill: ' : ''}${view.title}: ${stateWords(view.state).toLowerCase()}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
