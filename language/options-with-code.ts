import type { Interpreter } from './interpreters/form.js';
import { interpreters, type Verb } from './interpreters/index.js';
import { field } from './objects.js';
import type { Json } from './json.js';
import { isHarmless, isOpen, textOf } from './open-argument.js';

/* Reads the arguments of one program by its entry: whether a value stands where it reads code. */

/** Why a command is refused. */
export interface Refusal {
  why: string;
  /** What to write instead, where it is not an argument of a script. */
  instead?: string | undefined;
}

/** What stands behind a program's words, such as `git clone`. */
interface Behind<T> {
  name: string;
  how: T;
  rest: readonly Json[];
}

/** The entries of a program's words that are among its arguments. */
export function behindWords<T>(
  known: ReadonlyMap<string, readonly Verb<T>[]>,
  program: string,
  rest: readonly Json[],
): Behind<T>[] {
  return (known.get(program) ?? []).flatMap(({ words, name, how }) => {
    const from = afterWords(words, program, rest);
    return from === undefined ? [] : [{ name, how, rest: rest.slice(from) }];
  });
}

function afterWords(
  words: readonly string[],
  program: string,
  rest: readonly Json[],
): number | undefined {
  const how = field(interpreters, program);
  let from = how?.stops ? firstPlain(how, rest) : 0;
  for (const [place, word] of words.entries()) {
    const isNext = how?.stops && place === 0;
    const at = rest.findIndex((each, index) => index >= from && each === word);
    if (at === -1 || (isNext && at !== from)) return undefined;
    from = at + 1;
  }
  return from;
}

/** Where the first argument stands that belongs to no option. */
function firstPlain(how: Interpreter, rest: readonly Json[]): number {
  let at = 0;
  for (; at < rest.length; at += 1) {
    const word = textOf(rest[at]);
    if (!word.startsWith('-')) return at;
    const letter = word.startsWith('--') ? undefined : takesArgument(word, how);
    const isLong = how.options?.includes(word) === true && how.skipLong?.[word] === undefined;
    if (isLong || (letter !== undefined && word.endsWith(letter))) at += 1;
  }
  return at;
}

/** The letter in a group of options that takes an argument. */
export function takesArgument(
  word: string,
  { letters = '', skip = '' }: Interpreter,
): string | undefined {
  return [...word.slice(1)].find((letter) => letters.includes(letter) || skip.includes(letter));
}

/** Whether a value stands where the program reads code. */
export function inInterpreter(
  name: string,
  how: Interpreter,
  rest: readonly Json[],
): Refusal | undefined {
  const refused = (why: string): Refusal => ({ why, instead: how.instead });
  const code = refused(`${name} would read a value as code`);
  const isCode = (at: number): boolean =>
    isOpen(rest[at]) && !isHarmless(how.harmless, textOf(rest[at]), textOf(rest[at - 1]));
  let plain = 0;
  let given = false;
  let opens = false;
  for (let at = 0; at < rest.length; at += 1) {
    const word = textOf(rest[at]);
    if (word.startsWith('-') && word.length > 1 && word !== '--') {
      const [option = '', attached] = word.split('=', 2);
      const skipped = how.skipLong?.[option];
      if (skipped !== undefined) at += attached === undefined ? skipped : 0;
      else if (isLongWithCode(option, how)) {
        given ||= givesCode(option, how);
        if (isCode(at) || (attached === undefined && isCode((at += 1)))) return code;
      } else if (!word.startsWith('--')) {
        const letter = takesArgument(word, how);
        opens ||= opensFiles(word, letter, how);
        if (letter === undefined) continue;
        const hasCode = how.letters?.includes(letter) === true;
        if (hasCode) given ||= givesCode(`-${letter}`, how);
        if (isOpen(rest[at])) {
          // The value is what stands behind the letter, and the next word is one by itself.
          if (hasCode && isCode(at)) return code;
          continue;
        }
        // `-pe` is both at once; what follows the last letter is its argument.
        const last = word.at(-1) ?? '';
        if (last !== letter && !(hasCode && how.letters?.includes(last))) continue;
        at += 1;
        if (hasCode && isCode(at)) return code;
      }
      continue;
    }
    if (how.options?.includes(word.toLowerCase())) {
      if (isCode(at + 1)) return code;
      continue;
    }
    if (word === '--' || how.words?.includes(word)) continue;
    if (how.stops) return undefined;
    plain += 1;
    if (opens && isOpen(rest[at])) return refused(`${name} would run a value that ends with |`);
    if (isReadThere(how, rest, at))
      return refused(`a shell on the other host would read a value of ${name}`);
    const isHere =
      how.plain === 'all' ||
      (how.plain === 'first' && plain === 1 && !given) ||
      (how.plain === 'second' && plain >= 2);
    if (isHere && isCode(at)) return code;
    if (how.script && plain === 1 && !given && isOpen(rest[at]))
      return refused(`a value names the file that ${name} runs`);
    if (how.script && plain === 1 && !opens) return undefined;
  }
  return undefined;
}

/** The code behind the option stands in for that of the first plain argument. */
export function givesCode(option: string, { gives = [] }: Interpreter): boolean {
  return gives.includes(option) || isAmong(option, gives);
}

export function isLongWithCode(option: string, { options = [] }: Interpreter): boolean {
  return isAmong(option, options);
}

/** Long options may be shortened as long as they stay clear. */
function isAmong(option: string, options: readonly string[]): boolean {
  const given = option.toLowerCase();
  const isShort = /^--.{3}/.test(given);
  return options.some((each) => each === given || (isShort && each.startsWith(given)));
}

/** Whether the options make the program open its arguments so that one may be a command. */
function opensFiles(word: string, letter: string | undefined, how: Interpreter): boolean {
  const end = letter === undefined ? word.length : word.indexOf(letter);
  const letters = [...word.slice(1, end)];
  return how.opens !== undefined && letters.some((each) => how.opens?.includes(each));
}

/** Whether the argument is of another host, whose shell reads the value in it. */
function isReadThere({ remoteUnless }: Interpreter, rest: readonly Json[], at: number): boolean {
  if (!remoteUnless || !isOpen(rest[at]) || !/^[^/]*:/.test(textOf(rest[at]))) return false;
  const isGiven = (option: string): boolean =>
    rest.some((each) => {
      const word = textOf(each);
      if (option.startsWith('--')) return word === option;
      return /^-[a-zA-Z]+$/.test(word) && word.includes(option);
    });
  return !remoteUnless.some(isGiven);
}

/**
 * The first argument that is not an option is code with `-c`, else a file; its parameters follow.
 */
export function inShell(name: string, rest: readonly Json[]): Refusal | undefined {
  let isCode = false;
  for (let at = 0; at < rest.length; at += 1) {
    const word = textOf(rest[at]);
    if (word === '--' || word === '-') continue;
    if (/^--(rcfile|init-file|command|init-command)(=|$)/.test(word)) {
      const isBehind = !word.includes('=');
      if (isOpen(rest[at]) || (isBehind && isOpen(rest[(at += 1)])))
        return { why: `${name} would read a value as code` };
      isCode ||= isBehind && word === '--command';
    } else if (/^[-+]/.test(word)) {
      if (isOpen(rest[at])) return { why: `${name} would read a value as an option` };
      if (!word.startsWith('--') && word.includes('c')) isCode = true;
      if (/^[-+][a-zA-Z]*[oO]$/.test(word)) at += 1;
    } else if (!isOpen(rest[at])) return undefined;
    else
      return {
        why: isCode
          ? `${name} would read a value as code`
          : `a value names the file that ${name} runs`,
      };
  }
  return undefined;
}
