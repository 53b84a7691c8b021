import { notAText } from './sql-name.js';

/*
 * Names and values in statements that take no parameters, such as `VACUUM {table}`. A place for one
 * counts only where SQL itself stands: in a string, a quoted name or a comment a quoted value would
 * no longer be one value.
 */

/** A statement, cut at its places: texts of the runbook, and the names of places. */
export type SqlPart = string | { place: string };

/** Where a place cannot stand, and why. */
export interface SqlTextProblem {
  place: string;
  /** First character of the place. */
  at: number;
  message: string;
}

/** Letters, digits and quotes: with one of them beside it, a quoted value is part of another. */
const sticks = /[A-Za-z0-9_$"'&\u0080-\uffff{}]/;

/**
 * Cuts a statement at the places that have a name.
 * @param names of places; braces around anything else stay as they are
 */
export function sqlParts(
  text: string,
  names: readonly string[],
): { parts: SqlPart[] } | { problem: SqlTextProblem } {
  const parts: SqlPart[] = [];
  let begin = 0;
  for (let at = 0; at < text.length;) {
    const token = tokenAt(text, at);
    const hidden = token.is === 'open' ? null : placeIn(text.slice(at, token.end), names);
    if (hidden) {
      const message = `stands in a ${token.is}, where a quoted value is not one value`;
      return { problem: { ...hidden, at: at + hidden.at, message } };
    }
    const place = token.is === 'open' ? placeAt(text, at, names) : null;
    if (place === null) {
      at = token.end;
      continue;
    }
    const end = at + place.length + 2;
    if (sticks.test(text[at - 1] ?? ' ') || sticks.test(text[end] ?? ' ')) {
      const message = 'needs a blank, a dot, a comma or a bracket on both sides';
      return { problem: { place, at, message } };
    }
    parts.push(text.slice(begin, at), { place });
    begin = at = end;
  }
  return { parts: [...parts, text.slice(begin)] };
}

/** A parameter in a statement: `$1`. */
interface Parameter {
  number: number;
  /** Its first character. */
  at: number;
}

/** The parameters that a statement reads, in their order. */
export function parametersIn(text: string): Parameter[] {
  const found: Parameter[] = [];
  for (let at = 0; at < text.length;) {
    const { is, end } = tokenAt(text, at);
    const number = is === 'open' ? /^\$(\d+)$/.exec(text.slice(at, end))?.[1] : undefined;
    if (number !== undefined) found.push({ number: Number(number), at });
    at = end;
  }
  return found;
}

interface Token {
  is: 'open' | 'string' | 'quoted name' | 'comment';
  /** Behind its last character. */
  end: number;
}

/** A word or a sign of SQL itself, or all of a string, a quoted name or a comment. */
function tokenAt(text: string, at: number): Token {
  const rest = text.slice(at);
  const escaped = /^[eE]'/.test(rest);
  if (escaped || rest.startsWith("'"))
    return { is: 'string', end: quotedEnd(text, escaped ? at + 1 : at, "'", escaped) };
  if (rest.startsWith('--')) return { is: 'comment', end: endOf(text, /\n|\r/g, at) };
  if (rest.startsWith('/*')) return { is: 'comment', end: commentEnd(text, at) };
  if (rest.startsWith('"')) return { is: 'quoted name', end: quotedEnd(text, at, '"', false) };
  // A dollar in a word is part of it, and one before digits a parameter.
  const word = /^(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*|\$?\d+)/.exec(rest);
  if (word) return { is: 'open', end: at + word[0].length };
  const tag = /^\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/.exec(rest);
  if (!tag) return { is: 'open', end: at + 1 };
  const close = text.indexOf(tag[0], at + tag[0].length);
  return { is: 'string', end: close === -1 ? text.length : close + tag[0].length };
}

function endOf(text: string, end: RegExp, from: number): number {
  end.lastIndex = from;
  const found = end.exec(text);
  return found ? found.index + found[0].length : text.length;
}

/** Comments in comments count. */
function commentEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const two = text.slice(at, at + 2);
    if (two !== '/*' && two !== '*/') continue;
    depth += two === '/*' ? 1 : -1;
    at += 1;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

function quotedEnd(text: string, from: number, quote: string, isEscaped: boolean): number {
  for (let at = from + 1; at < text.length; at += 1) {
    if (isEscaped && text[at] === '\\') at += 1;
    else if (text[at] === quote) {
      if (text[at + 1] !== quote) return at + 1;
      at += 1;
    }
  }
  return text.length;
}

function placeAt(text: string, at: number, names: readonly string[]): string | null {
  if (text[at] !== '{') return null;
  return names.find((name) => text.startsWith(`${name}}`, at + 1)) ?? null;
}

function placeIn(text: string, names: readonly string[]): { place: string; at: number } | null {
  for (const name of names) {
    const at = text.indexOf(`{${name}}`);
    if (at !== -1) return { place: name, at };
  }
  return null;
}

/** Why the value can be no literal in SQL; null when it can. */
export function notALiteral(value: unknown): string | null {
  if (typeof value === 'number' || typeof value === 'boolean') return null;
  return typeof value === 'string' ? notAText(value) : 'is no text, number, or true or false';
}
