import type { Joined } from './expression/ast.js';
import type { Json } from './json.js';
import { isJoined, isOpen as isOpenValue } from './reference.js';

/* What is known of an argument of a program before its values are. */

export const isOpen = (argument: Json | undefined): boolean =>
  argument !== undefined && isOpenValue(argument);

/** The text of an argument, or what stands in it before its first value. */
export function textOf(argument: Json | undefined): string {
  if (argument === undefined || argument === null) return '';
  if (typeof argument !== 'object') return String(argument);
  const [first] = isJoined(argument) ? (argument as Joined).join : [];
  return typeof first === 'string' ? first : '';
}

/**
 * Whether what stands before a value makes it data: the name of a setting that runs nothing.
 * @param harmless the beginnings of such settings, in lower case
 * @param text of the argument, before its first value
 * @param before the argument before it, where the value is an argument of its own
 */
export function isHarmless(harmless: readonly string[] = [], text: string, before = ''): boolean {
  const setting = text.replace(/^(--[\w-]+=|-\w(?=.))/, '').toLowerCase();
  return harmless.some(
    (each) =>
      setting.startsWith(each) ||
      (setting === '' && !each.endsWith('=') && before.toLowerCase().startsWith(each)),
  );
}
