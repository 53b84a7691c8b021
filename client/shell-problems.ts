import type { Json } from '../language/json.js';
import { within, type Place } from '../language/document/place.js';
import { problemAt, type Problem } from '../language/document/problem.js';
import type { Written } from '../language/document/read.js';
import { isObject } from '../language/objects.js';

/*
 * Whether the scripts in a document are shell. The parser is a program of its own (mvdan/sh in
 * WebAssembly), so that it is loaded only where there is a script.
 */

interface Script {
  text: string;
  place: Place;
  isBash: boolean;
}

/** What the parser says of a text; it has one form for each way in which a text is wrong. */
interface ParseFault {
  message: string;
  /** From 1; columns count bytes. */
  Pos?: { Line: number; Col: number };
}

/** Of what only another shell knows, the place stands in the message. */
const foreign = /^(\d+):(\d+): ([^;]*); tried parsing as /;

/** What is wrong with the scripts of a document; of each script the first fault. */
export async function shellProblems(written: Written): Promise<Problem[]> {
  const scripts = scriptsIn(written.data, written);
  if (scripts.length === 0) return [];
  const { LangVariant, parse } = await import('sh-syntax');
  const problems: Problem[] = [];
  for (const { text, place, isBash } of scripts) {
    try {
      const variant = isBash ? LangVariant.LangBash : LangVariant.LangPOSIX;
      await parse(text, { variant, keepComments: false });
    } catch (error) {
      if (!isOfScript(error)) throw error;
      problems.push(problemOf(error, text, place, isBash));
    }
  }
  return problems;
}

/** A script is wrong, or more than the parser's own stack can hold. */
function isOfScript(error: unknown): error is ParseFault {
  if (!(error instanceof Error)) return false;
  if (error.name === 'RuntimeError' || error.name === 'RangeError') return true;
  return 'Pos' in error || foreign.test(error.message);
}

function scriptsIn(value: Json, written: Written): Script[] {
  if (Array.isArray(value)) return value.flatMap((each) => scriptsIn(each, written));
  if (!isObject(value)) return [];
  // eslint-disable-next-line no-restricted-syntax -- the field of a script
  const { script, shell } = value;
  const own =
    typeof script === 'string'
      ? [{ text: script, place: written.places.of(value, 'script'), isBash: shell === 'bash' }]
      : [];
  return [...own, ...Object.values(value).flatMap((each) => scriptsIn(each, written))];
}

function problemOf(
  { message, Pos }: ParseFault,
  text: string,
  place: Place,
  isBash: boolean,
): Problem {
  const [, line, col, other] = foreign.exec(message) ?? [];
  const at = Pos
    ? offsetOf(text, Pos.Line, Pos.Col)
    : offsetOf(text, Number(line ?? 1), Number(col ?? 1));
  // Otherwise it is the parser that failed: its stack is small.
  const why = other ?? (Pos ? message : 'it is nested too deep to be read');
  return problemAt(within(place, text, at, Math.min(at + 1, text.length)), {
    rule: 'shell-syntax',
    message: `this is no ${isBash ? 'bash' : 'sh'}: ${why}`,
    ...(other !== undefined && !isBash ? { hint: 'write shell: bash, if the hosts have it' } : {}),
  });
}

function offsetOf(text: string, line: number, col: number): number {
  const lines = text.split('\n').slice(0, line);
  const last = lines.pop() ?? '';
  const before = Buffer.from(last)
    .subarray(0, col - 1)
    .toString().length;
  return lines.reduce((sum, each) => sum + each.length + 1, 0) + before;
}
