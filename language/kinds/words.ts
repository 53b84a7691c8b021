import { isJoined, isReference } from '../reference.js';
import type { Json } from '../json.js';

/** A value of an action as people read it: a reference as `{inputs.x}`, a text as it is. */
export function shown(value: Json | undefined): string {
  if (value === undefined) return '';
  if (isReference(value)) return `{${value.$}}`;
  if (isJoined(value)) return value.join.map((part) => shown(part as Json)).join('');
  return typeof value === 'string' ? value : shownJson(value);
}

/** The same for a value that is shown as JSON. */
export function shownJson(value: Json): string {
  if (isReference(value)) return shown(value);
  if (isJoined(value)) return `"${shown(value)}"`;
  if (Array.isArray(value)) return `[${value.map(shownJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .map(([name, each]) => `${JSON.stringify(name)}:${shownJson(each)}`);
  return `{${fields.join(',')}}`;
}

/**
 * An argument as it would be typed: quoted where it is not one word. It may be a script: where its
 * lines end is part of what it does, and one line has to show it.
 */
export function word(value: Json): string {
  const text = inOneLine(shown(value));
  return isReference(value) || isJoined(value) || /^[\w@%+=:,./-]+$/.test(text)
    ? text
    : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Ends of lines with a mark. The mark itself is written out, so that no text can feign one. */
export function inOneLine(text: string): string {
  return text.replaceAll('⏎', '\\u23ce').replaceAll(/ *\r?\n/g, ' ⏎ ');
}

/** ` at TARGET`, where there is one, and with which of its credentials. */
export function atTarget(target: Json | undefined, credentials?: string): string {
  const as = credentials === undefined || credentials === 'main' ? '' : ` as ${credentials}`;
  return target === undefined ? '' : ` at ${shown(target)}${as}`;
}

/** ` on host HOST`, where an action has to run on one. */
export function onHost(host: Json | undefined): string {
  return host === undefined ? '' : ` on host ${shown(host)}`;
}

/** Milliseconds as people say them. */
export function time(ms: number): string {
  return ms < 60_000 ? `${ms / 1_000} s` : `${Math.round(ms / 6_000) / 10} min`;
}
