import type { Wrapper } from './interpreters/form.js';
import { actingVariables } from './interpreters/variables.js';
import type { Json } from './json.js';
import { isHarmless, isOpen, textOf } from './open-argument.js';

/*
 * Reads the options of a program that runs another one: where that one stands, in which folder and
 * by which PATH it is found, and whether a value decides what is run.
 */

/** Where a wrapped program stands, and what the wrapper changes of the search for it. */
interface Wrapped {
  at: number;
  /** Folders that it goes to, one after the other. */
  folders: readonly Json[];
  /** Absent: the PATH is as it was. */
  path?: Json;
}

interface Reading extends Wrapped {
  /** Plain arguments so far. */
  plain: number;
}

/** What was read of a wrapper's options. */
export interface WrapperOptions {
  /** Several where a long option is not known: what follows may be its argument, or not. */
  places: readonly Wrapped[];
  /** Why the command is refused: a value decides what is run. Absent: it does not. */
  refused?: string;
}

/** By which PATH the system looks where there is none. */
const pathWithout = '/bin:/usr/bin';

/**
 * Reads the options of one wrapper.
 * @param rest its arguments
 * @param from how far they were read already
 */
export function wrapperOptions(
  name: string,
  wrapper: Wrapper,
  rest: readonly Json[],
  from: Reading = { at: 0, plain: 0, folders: [] },
  seen = new Set<string>(),
): WrapperOptions {
  // What follows an option that is not known is read once, whatever the options before it were.
  const here = [from.at, from.plain, from.folders.length].join();
  if (seen.has(here)) return { places: [] };
  seen.add(here);
  let reading = from;
  for (; reading.at < rest.length; reading = { ...reading, at: reading.at + 1 }) {
    const { at } = reading;
    const word = textOf(rest[at]);
    if (word === '--') continue;
    const option = optionAt(wrapper, rest, at);
    if (option) {
      const refused = refusedOption(name, wrapper, option);
      if (refused !== undefined) return { places: [], refused };
      reading = withOption(wrapper, reading, option);
      if (option.takes !== 'perhaps') continue;
      const [without, behind] = [1, 2].map((width) =>
        wrapperOptions(name, wrapper, rest, { ...reading, at: at + width }, seen),
      ) as [WrapperOptions, WrapperOptions];
      return {
        places: distinct([...without.places, ...behind.places]),
        ...(without.refused === undefined ? {} : { refused: without.refused }),
        ...(behind.refused === undefined ? {} : { refused: behind.refused }),
      };
    }
    if (wrapper.assigns && /^[^/=][^=]*=/.test(word)) {
      const [variable = ''] = word.split('=', 1);
      if (isOpen(rest[at]) && actingVariables.test(variable))
        return { places: [], refused: `a value decides ${variable}, which names what is run` };
      if (variable === 'PATH') reading = { ...reading, path: word.slice('PATH='.length) };
      continue;
    }
    if (reading.plain === wrapper.before) return { places: [reading] };
    reading = { ...reading, plain: reading.plain + 1 };
  }
  return { places: [] };
}

function distinct(places: readonly Wrapped[]): Wrapped[] {
  return places.filter(({ at }, index) => places.findIndex((each) => each.at === at) === index);
}

/** One word of options. */
interface Option {
  /** The letters, or the long name, in full where it was shortened. */
  names: readonly string[];
  /** The argument of the last one, where it is known to have one. */
  argument?: Json;
  /** Whether the next word is its argument. */
  takes: 'next' | 'perhaps' | 'nothing';
}

function optionAt(wrapper: Wrapper, rest: readonly Json[], at: number): Option | undefined {
  const word = textOf(rest[at]);
  if (!word.startsWith('-')) return undefined;
  const attached = (text: string): Json => (isOpen(rest[at]) ? (rest[at] ?? null) : text);
  const next = { takes: 'next', argument: rest[at + 1] ?? null } as const;
  const { skip, long = [], flags = [], code = [] } = wrapper;
  if (word === '-')
    return wrapper.clears?.includes('-') ? { names: ['-'], takes: 'nothing' } : undefined;
  if (word.startsWith('--')) {
    const [given = '', ...value] = word.split('=');
    const longCode = code.filter((each) => each.startsWith('--'));
    const name = inFull(given, [...long, ...flags, ...longCode]);
    if (value.length > 0 || isOpen(rest[at]))
      return { names: [name], argument: attached(value.join('=')), takes: 'nothing' };
    if (flags.includes(name)) return { names: [name], takes: 'nothing' };
    if (long.includes(name) || longCode.includes(name)) return { names: [name], ...next };
    return { names: [name], takes: 'perhaps' };
  }
  const letters = [...word.slice(1)];
  const taking = letters.findIndex((letter) => skip.includes(letter) || code.includes(letter));
  if (taking === -1) return { names: letters, takes: 'nothing' };
  const names = letters.slice(0, taking + 1);
  if (taking === letters.length - 1 && !isOpen(rest[at])) return { names, ...next };
  return { names, argument: attached(letters.slice(taking + 1).join('')), takes: 'nothing' };
}

/** Long options may be shortened as long as they stay clear. */
function inFull(given: string, known: readonly string[]): string {
  if (known.includes(given)) return given;
  const meant = known.filter((each) => each.startsWith(given));
  return meant.length === 1 ? (meant[0] as string) : given;
}

function refusedOption(name: string, wrapper: Wrapper, option: Option): string | undefined {
  const { names, argument } = option;
  if (names.some((each) => wrapper.splits?.includes(each)))
    return `${name} would read a text as a command line: write its words as arguments of their own`;
  const runs = wrapper.code?.includes(names.at(-1) ?? '') === true;
  const isCode = isOpen(argument) && !isHarmless(wrapper.harmless, textOf(argument));
  return runs && isCode ? `${name} would read a value as code` : undefined;
}

function withOption(wrapper: Wrapper, reading: Reading, option: Option): Reading {
  const { names, argument = null, takes } = option;
  const has = (some: readonly string[] = []): boolean => names.some((each) => some.includes(each));
  const clears = has(wrapper.clears) || (has(wrapper.unsets) && argument === 'PATH');
  return {
    ...reading,
    at: reading.at + (takes === 'next' ? 1 : 0),
    ...(clears ? { path: pathWithout } : {}),
    ...(has(wrapper.chdir) ? { folders: [...reading.folders, argument] } : {}),
  };
}
