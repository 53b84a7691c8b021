import type { Json, JsonObject } from '../../language/json.js';
import { leftTitle } from '../../common/left.js';
import type { CallKind, Message } from '../../common/message.js';
import { followingText, followingTitle } from '../../common/following.js';
import type { FollowingStep } from '../../common/view.js';
import { targetText } from '../../common/target-text.js';
import { deadlineText } from '../../common/deadline-text.js';
import { flat, hasLines, linesOf } from '../../common/plain.js';
import { bothTimes } from '../../common/times.js';
import { beginningOf, visibleLine } from '../../common/visible.js';

/*
 * What a message says, in order and in words, for every channel that people read. The text is
 * plain: each channel escapes it.
 */

/** A part of a message. */
export type Section = { title: string } &
  /** A row without a value is a title of those that are indented below it. */
  (
    | { rows: [name: string, value: string][] }
    | { lines: string[] }
    /** To be copied as they are. */
    | { commands: string[] }
    | { link: string }
  );

/** Of one value, in characters, and of all evidence, in rows: who needs more looks at the run. */
const mostOfValue = 400;
const mostRows = 30;
/** Of a value with lines of its own, in lines and in characters. */
const mostLines = 20;
const mostOfLines = 1_500;
/** Of the steps that follow an approval. */
const mostSteps = 20;

/** What it is about, in one line: subject, title, notification. */
export function headline(message: Message): string {
  const { what, again, number, title, call, over, end, drill } = message;
  const kind = {
    asked: 'Needed',
    reminder: `Still needed (reminder ${number})`,
    deadline: 'Deadline near',
    over: 'Over',
    left: leftTitle,
    ended: 'Ended',
  }[what];
  const how = over ? `${over.how}${over.by === null ? '' : ` by ${over.by}`}` : end?.state;
  return visibleLine(
    `${again ? 'Again: ' : ''}${drill ? 'Drill: ' : ''}${kind}: ${title}: ` +
      `${call.title}${how === undefined ? '' : ` (${how})`}`,
  );
}

/** The whole message. */
export function sectionsOf(message: Message): Section[] {
  return [
    { title: '', lines: [opening(message)] },
    { title: '', rows: facts(message) },
    ...(message.left.length > 0 && message.end
      ? [{ title: leftTitle, rows: leftRows(message) }]
      : []),
    ...(message.over || message.end ? [] : asked(message)),
    // Where something is left, that comes first.
    ...(message.startAgain === null || message.left.length > 0 || !(message.over ?? message.end)
      ? []
      : [{ title: 'Start it again with', commands: [message.startAgain] }]),
    { title: 'See all of it', commands: [message.status] },
    ...(message.link === null ? [] : [{ title: '', link: message.link }]),
  ];
}

function asked({ call, undo, commands, form, ack, output, where, did }: Message): Section[] {
  const evidence = evidenceRows(call.evidence);
  const follows = followingOf(call.follows ?? []);
  const undos = undoLines(undo);
  return [
    ...(evidence.length > 0 ? [{ title: 'What is known', rows: evidence }] : []),
    ...(did.length === 0 ? [] : [{ title: 'What it does', lines: didLines(did) }]),
    ...(output === null ? [] : [{ title: 'What it has written', commands: [output] }]),
    ...(follows.length > 0 ? [{ title: followingTitle, lines: follows }] : []),
    ...(undos.length > 0 ? [{ title: 'What can be undone', lines: undos }] : []),
    {
      title: commands.length > 1 ? 'Answer with one of' : 'Answer with',
      commands: commands.map(({ command }) => command),
    },
    ...(form === null ? [] : [{ title: 'Form for scripts', commands: [form] }]),
    ...(ack === null ? [] : [{ title: 'Tell the others that you are at it', commands: [ack] }]),
    ...(where === null ? [] : [{ title: 'The commands work', lines: [where] }]),
  ];
}

function didLines(did: readonly string[]): string[] {
  const lines = did.slice(0, mostLines).map((line) => visibleLine(line, mostOfLines));
  return did.length > mostLines ? [...lines, `and ${did.length - mostLines} more`] : lines;
}

function leftRows({ left }: Message): [string, string][] {
  const rows = left
    .slice(0, mostSteps)
    .map(({ step, title, what, how }): [string, string] => [
      visibleLine(`${step} (${title})`, mostOfValue),
      visibleLine(`${what}; ${how}`, mostOfValue),
    ]);
  return left.length > mostSteps ? [...rows, ['…', `and ${left.length - mostSteps} more`]] : rows;
}

function opening({ what, again, call, over, end, left, taken }: Message): string {
  const repeated = again ? 'You may have had this message before. ' : '';
  if (end && left.length === 0)
    return `${repeated}The run has ended: ${end.state}. Nobody is needed any more.`;
  if (end) {
    const steps = left.length === 1 ? 'One step is' : `${left.length} steps are`;
    return (
      `${repeated}The run has ended and asks nobody. ${steps} not taken back: look at each, ` +
      'and take it back by hand where that is needed.'
    );
  }
  // What an ended run has left has a message of its own.
  if (over)
    return `${repeated}Nobody is ${left.length > 0 ? 'asked' : 'needed'} any more: ${ended(over)}`;
  const needed: Record<CallKind, string> = {
    approval: `A gate waits for ${call.who}.`,
    failure: `A step needs ${call.who}.`,
    undo: `An undo that failed needs ${call.who}.`,
    manual: `A step is to be done by hand, by ${call.who}.`,
    pause: 'Somebody paused it in Temporal itself: nothing goes on until it is let go on.',
    left: '',
  };
  const still = what === 'reminder' ? 'Still: ' : '';
  const soon =
    what === 'deadline' && call.deadline !== null
      ? `The deadline is near: ${bothTimes(call.deadline)}. `
      : '';
  const by = taken ? ` ${taken.by} has it since ${bothTimes(taken.at)}.` : '';
  return `${repeated}${soon}${still}${needed[call.kind]}${by}`;
}

function ended({ how, by, reason, at }: NonNullable<Message['over']>): string {
  const who = by === null ? '' : ` by ${by}`;
  return `${how}${who} at ${bothTimes(at)}.${reason ? ` Reason given: ${reason}` : ''}`;
}

function facts(message: Message): [string, string][] {
  const { call, end } = message;
  const targets = message.targets.map(targetText);
  const question = call.kind === 'pause' ? call.title : `${call.title} (${call.id})`;
  const rows: [string, string][] = [
    ...(end ? [] : [['question', question] as [string, string]]),
    ['run', message.run],
    ['runbook', `${message.title} (${message.runbook})${message.drill ? ', a drill' : ''}`],
    [targets.length === 1 ? 'target' : 'targets', targets.join(', ') || 'none'],
    [
      'started',
      `by ${message.requester} at ${bothTimes(message.startedAt)}: ` +
        `${message.reason || 'no reason given'}`,
    ],
    ...(end ? endRows(end) : waitRows(message)),
    ...undoneRows(message),
  ];
  return rows.map(([name, value]) => [name, visibleLine(value)]);
}

function endRows({ state, why, at }: NonNullable<Message['end']>): [string, string][] {
  return [
    ['ended', `${state} at ${bothTimes(at)}`],
    ...(why === null ? [] : [['why', why] as [string, string]]),
  ];
}

function waitRows({ call: { since, deadline }, over }: Message): [string, string][] {
  if (!over) return [['waits', `since ${bothTimes(since)}${deadlineText(deadline)}`]];
  return [
    ['waited', `from ${bothTimes(since)} to ${bothTimes(over.at)}`],
    ...(over.then === null ? [] : [['the run', over.then] as [string, string]]),
  ];
}

function undoneRows({ undone, over, end }: Message): [string, string][] {
  if (undone.length === 0 || !(over ?? end)) return [];
  return [['undone', undone.map(({ step, title }) => `${title} (${step})`).join(', ')]];
}

/** Named values, nested ones under the names that lead to them. */
function evidenceRows(evidence: JsonObject): [string, string][] {
  const rows = rowsIn(evidence);
  if (rows.length <= mostRows) return rows;
  return [...rows.slice(0, mostRows), ['…', `and ${rows.length - mostRows} more`]];
}

function rowsIn(values: JsonObject, indent = ''): [string, string][] {
  return Object.entries(values).flatMap(([name, value]): [string, string][] => {
    const label = `${indent}${visibleLine(name, 80)}`;
    const text = flat(value);
    if (isObject(value) && text.length > 60) return [[label, ''], ...rowsIn(value, `${indent}  `)];
    if (hasLines(value)) return [[label, someLines(linesOf(value))]];
    const cut = visibleLine(text, mostOfValue);
    return [[label, (cut.length < text.length ? `${cut}…` : cut) || '-']];
  });
}

function someLines(lines: readonly string[]): string {
  const text = lines.slice(0, mostLines).join('\n');
  const cut = beginningOf(text, mostOfLines);
  const isCut = lines.length > mostLines || cut.length < text.length;
  return isCut ? `${cut}\n…` : cut;
}

function isObject(value: Json): value is JsonObject {
  return (
    value !== null &&
    typeof value === 'object' &&
    !Array.isArray(value) &&
    Object.keys(value).length > 0
  );
}

function followingOf(steps: readonly FollowingStep[]): string[] {
  const all = steps.slice(0, mostSteps).flatMap((step) => {
    const { title, facts, lines } = followingText(step);
    return [title, ...[facts, ...lines].map((line) => `  ${line}`)];
  });
  const cut = all.map((text) => {
    const indent = /^ */.exec(text)?.[0] ?? '';
    const line = visibleLine(text, mostOfValue);
    return `${indent}${line}${line.length < text.trim().length ? '…' : ''}`;
  });
  return steps.length > mostSteps ? [...cut, `and ${steps.length - mostSteps} more`] : cut;
}

function undoLines({ possible, impossible, pointsOfNoReturn }: Message['undo']): string[] {
  return [
    ...possible.map(({ step, how }) => `${step}: ${how}`),
    ...(impossible.length > 0 ? [`Cannot be undone: ${impossible.join(', ')}`] : []),
    ...pointsOfNoReturn.map((step) => `From ${step} on, nothing before it can be undone.`),
  ];
}
