import { compareTexts } from '../text-order.js';
import { firstLine, type Place } from './place.js';

/** `error`: it cannot be run. `warning`: it can, and is probably wrong. `note`: not yet. */
export type Severity = 'error' | 'warning' | 'note';

/** The one text to write in the place of another. */
export interface Fix {
  /** Offsets in the file, the end not included. */
  start: number;
  end: number;
  text: string;
}

/** Something wrong in a file, for people and for programs. */
export interface Problem {
  severity: Severity;
  /** As it was given on the command line. */
  file: string;
  /** From 1. */
  line: number;
  /** From 1, in characters. */
  col: number;
  /** Characters that the carets are under. */
  length: number;
  /** Name of the rule. */
  rule: string;
  /** What is wrong, without a full stop. */
  message: string;
  /** What to write instead; may have several lines. */
  hint?: string;
  fix?: Fix;
  /** The line, for those who do not have the file. */
  text: string;
}

/** What a problem says, beside where it is. */
export interface Said {
  rule: string;
  message: string;
  hint?: string | undefined;
  fix?: Fix | undefined;
  severity?: Severity;
}

/** A problem at a place. Of what goes over several lines, the first is shown. */
export function problemAt(place: Place, said: Said): Problem {
  const { source, start, end } = firstLine(place);
  const { line, col } = source.position(start);
  const { rule, message, hint, fix, severity = 'error' } = said;
  return {
    severity,
    file: source.file,
    line,
    col,
    length: Math.max(1, [...source.text.slice(start, end)].length),
    rule,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(fix === undefined ? {} : { fix }),
    text: source.lineText(line),
  };
}

/** The replacement of what stands at a place. */
export function replacing({ start, end }: Place, text: string): Fix {
  return { start, end, text };
}

/** Problems in the order of the files and their lines, each once. */
export function inOrder(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems
    .filter((each) => {
      const key = JSON.stringify([each.file, each.line, each.col, each.rule, each.message]);
      return seen.has(key) ? false : seen.add(key);
    })
    .sort((a, b) => compareTexts(a.file, b.file) || a.line - b.line || a.col - b.col);
}
