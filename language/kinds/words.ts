import { isReference } from '../reference.js';
import type { Json } from '../json.js';

/** A value of an action as people read it: a reference as `{inputs.x}`, a text as it is. */
export function shown(value: Json | undefined): string {
  if (value === undefined) return '';
  if (isReference(value)) return `{${value.$}}`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** An argument as it would be typed: quoted where it is not one word. */
export function word(value: Json): string {
  const text = shown(value);
  return isReference(value) || /^[\w@%+=:,./-]+$/.test(text)
    ? text
    : `'${text.replaceAll("'", "'\\''")}'`;
}

/** ` at TARGET`, where there is one. */
export function atTarget(target: Json | undefined): string {
  return target === undefined ? '' : ` at ${shown(target)}`;
}

/** Milliseconds as people say them. */
export function time(ms: number): string {
  return ms < 60_000 ? `${ms / 1_000} s` : `${Math.round(ms / 6_000) / 10} min`;
}
