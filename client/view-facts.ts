import { answersOf, commandNameIn, outputCommand, usualForm } from '../common/questions.js';
import { flat, hasLines, linesOf, wrap, wrapLines } from '../common/plain.js';
import type { Problem, WaitView } from '../common/view.js';
import type { Json } from '../language/json.js';
import type { ToldCall } from '../store/index.js';
import { usualColumns } from './io.js';
import { line, type Paint, shown } from './output.js';
import type { TemporalPause } from '../common/temporal-pauses.js';
import type { PendingAttempt } from './pending.js';

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
  /** Files of this machine's library that differ from those the run began with. */
  differing?: readonly string[];
  /** Lists are not cut. */
  whole?: boolean;
  /** What keeps the run from going on. */
  trouble?: Problem | null;
}

/** Lists longer than this are cut; JSON has all of it. */
export const evidenceLines = 40;

/** The commands that answer, the usual one first, and its form for scripts. */
export function commandLines(
  run: string,
  wait: WaitView,
  { paint, command }: ViewOptions,
): string[] {
  const name = command ?? commandNameIn(wait);
  const answers = answersOf(name, run, wait).map(({ verb, command: text }, index) => {
    const label = `${verb.replace('-', ' ')}:`.padEnd(11);
    return `  ${label}${index === 0 ? paint('bold', shown(text)) : shown(text)}`;
  });
  const output = outputCommand(name, run, wait);
  if (output !== null) answers.unshift(`  ${'its output:'.padEnd(11)} ${shown(output)}`);
  const form = `  form for scripts: ${shown(usualForm(name, run, wait))}`;
  return [...answers, paint('dim', form)];
}

/** Named facts, nested ones indented, long lists cut. */
export function renderFacts(
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

/** Whether an entry of a list gets a line of its own: names alone stand side by side. */
function isLong(item: Json): boolean {
  return (item !== null && typeof item === 'object') || flat(item).length > longestName;
}

/** Characters of what is still a name among others, not a sentence. */
const longestName = 60;

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
    if (Array.isArray(value) && value.some(isLong)) {
      return [
        `${indent}${label}`,
        ...value.map((item) => wrap(flat(item), columns, `${indent}  `)),
      ];
    }
    const hanging = `${indent}${' '.repeat(room + 2)}`;
    const text = hasLines(value)
      ? wrapLines(linesOf(value), columns, hanging)
      : wrap(flat(value) || '-', columns, hanging);
    // A name too long for its column gets a line of its own.
    return line(name).length > room
      ? [`${indent}${label}`, text]
      : [`${indent}${label}  ${text.slice(hanging.length)}`];
  });
}
