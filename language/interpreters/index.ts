import { databases } from './databases.js';
import type { Interpreter } from './form.js';
import { languages } from './languages.js';
import { remotes } from './remote.js';
import { tools } from './tools.js';
import { wrappers } from './wrappers.js';

/**
 * Keyed by the program's name, without folder and version; `git clone` is for what stands behind
 * these words among the arguments of that program.
 */
export const interpreters: Readonly<Record<string, Interpreter>> = {
  ...languages,
  ...databases,
  ...remotes,
  ...tools,
};

/** `python3.12` is python, `/usr/bin/sh` is sh, `perl5.36.0` is perl. */
export function nameOf(program: string): string {
  // eslint-disable-next-line layers/step-paths -- a file's path
  const name = (program.split('/').at(-1) ?? '').toLowerCase().replace(/\.exe$/, '');
  if (isKnown(name)) return name;
  return name.replace(/-?[0-9][0-9.]*[a-z]?$/, '');
}

/** Whether a table has the program. */
export function isKnown(name: string): boolean {
  return Object.hasOwn(interpreters, name) || Object.hasOwn(wrappers, name);
}

/** What a table has of a program's words: their names, and how what is behind them is read. */
export interface Verb<T> {
  words: readonly string[];
  name: string;
  how: T;
}

function verbsIn<T>(table: Readonly<Record<string, T>>): ReadonlyMap<string, Verb<T>[]> {
  const found = new Map<string, Verb<T>[]>();
  for (const [name, how] of Object.entries(table)) {
    const [program = '', ...words] = name.split(' ');
    if (words.length > 0) found.set(program, [...(found.get(program) ?? []), { words, name, how }]);
  }
  return found;
}

/** The entries of two and more words, by their program. */
export const verbs = { interpreters: verbsIn(interpreters), wrappers: verbsIn(wrappers) } as const;
