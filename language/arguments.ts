import { carriers, isThing, plainWords, runWords } from './interpreters/carriers.js';
import type { Wrapper } from './interpreters/form.js';
import { interpreters, isKnown, nameOf, verbs } from './interpreters/index.js';
import { shell } from './interpreters/languages.js';
import { actingVariables } from './interpreters/variables.js';
import { wrappers } from './interpreters/wrappers.js';
import type { Json } from './json.js';
import { field } from './objects.js';
import { behindWords, inInterpreter, inShell, type Refusal } from './options-with-code.js';
import { isOpen, textOf } from './open-argument.js';
import { wrapperOptions } from './wrapper-options.js';

/*
 * Decides which arguments of a command may come from a value. A value is data, and must never run
 * anything: so it may not stand where a program reads code, a program's name or an option. Checked
 * when a runbook is read, and again on the arguments before they are run.
 */

/**
 * Why a command is refused: a value stands where a program reads code, the name of a program or an
 * option.
 * @param argv with a reference in the place of each value that inputs or outputs decide
 * @returns undefined when every value is data
 */
export function openProgramText(argv: readonly Json[]): Refusal | undefined {
  const [program] = argv;
  if (program === undefined) return undefined;
  if (isOpen(program)) return { why: namesProgram };
  if (argv.some((word) => isOpen(word) && /^--?$/.test(textOf(word))))
    return { why: 'a value names an option' };
  const name = nameOf(textOf(program));
  const rest = argv.slice(1);
  return byEntries(name, rest) ?? (carriers.has(name) ? inCarrier(name, rest) : undefined);
}

const namesProgram = 'a value names the program that is run';

function byEntries(name: string, rest: readonly Json[]): Refusal | undefined {
  const how = field(interpreters, name);
  const wrapper = field(wrappers, name);
  const own = how && (how === shell ? inShell(name, rest) : inInterpreter(name, how, rest));
  return firstOf([
    () => own,
    ...behindWords(verbs.interpreters, name, rest).map(
      (verb) => () => inInterpreter(verb.name, verb.how, verb.rest),
    ),
    () => wrapper && inWrapper(name, wrapper, rest),
    ...behindWords(verbs.wrappers, name, rest).map(
      (verb) => () => inWrapper(verb.name, verb.how, verb.rest),
    ),
  ]);
}

function firstOf(readers: readonly (() => Refusal | undefined)[]): Refusal | undefined {
  for (const read of readers) {
    const found = read();
    if (found) return found;
  }
  return undefined;
}

function inWrapper(name: string, wrapper: Wrapper, rest: readonly Json[]): Refusal | undefined {
  const { places, refused } = wrapperOptions(name, wrapper, rest);
  if (refused !== undefined) return { why: refused };
  return firstOf(
    places.map(
      ({ at }) =>
        () =>
          openProgramText(rest.slice(at)),
    ),
  );
}

/** Carriers whose command line stands behind `--`. */
const runsBehindEnd: ReadonlySet<string> = new Set([
  ...['kubectl', 'oc', 'k3s', 'aws', 'gcloud', 'npm', 'lxc'],
]);

function inCarrier(carrier: string, rest: readonly Json[]): Refusal | undefined {
  const end = rest.findIndex((word) => word === '--');
  if (runsBehindEnd.has(carrier) && end !== -1) {
    const behind = openProgramText(rest.slice(end + 1));
    if (behind) return behind;
  }
  const words = field(runWords, carrier) ?? [];
  for (let at = 0; at < rest.length; at += 1) {
    const [word = ''] = textOf(rest[at]).split('=', 1);
    if (words.includes(word) && (isOpen(rest[at]) || isOpen(rest[at + 1])))
      return { why: namesProgram };
    const name = nameOf(textOf(rest[at]));
    if (plainWords.has(name)) continue;
    if (name === 'node' && isThing(carrier, textOf(rest[at - 1]))) continue;
    if (!isKnown(name)) continue;
    const found = openProgramText(rest.slice(at));
    if (found !== undefined || interpreters[name] === shell) return found;
  }
  return undefined;
}

const value = { $: 'inputs' } as const;

/**
 * Why a command may not run with these values: a program would read one as an option, or as code.
 * @param given places of the arguments that begin with a value of inputs or outputs
 * @param partly places of the arguments in which a value stands behind other text
 */
export function unsafeValue(
  argv: readonly string[],
  given: readonly number[],
  partly: readonly number[] = [],
): string | undefined {
  const isValue = (at: number): boolean => given.includes(at) || partly.includes(at);
  const open = argv.map((argument, at): Json => {
    if (given.includes(at)) return value;
    return partly.includes(at) ? { join: [argument, value] } : argument;
  });
  const found = openProgramText(open);
  if (found !== undefined) return found.why;
  const marks = argv.flatMap((argument, at) => (isValue(at) ? [] : marksOf(argument)));
  const ends = argv.findIndex((argument, at) => argument === '--' && !isValue(at));
  const isOption = (at: number): boolean => {
    const [first = ''] = argv[at] ?? '';
    return marks.includes(first) || (first === '-' && (ends === -1 || at < ends));
  };
  // Behind an option the value begins where the option ends.
  const isMarked = (at: number): boolean => {
    const [, first = ''] = /^--?[\w-]*=?([^\w=-])/.exec(argv[at] ?? '') ?? [];
    return marks.includes(first);
  };
  const option = given.find(isOption) ?? partly.find(isMarked);
  if (option === undefined) return undefined;
  const shown = JSON.stringify((argv[option] ?? '').slice(0, 40));
  return `argument ${option} is the value ${shown}, which ${argv[0] ?? ''} may read as an option`;
}

/** Letters with which no value for this program may begin. */
function marksOf(program: string): string[] {
  return [...(field(interpreters, nameOf(program))?.marks ?? '')];
}

/** Why the environment of a command is refused: a value in it decides what is run. */
export function openVariable(env: Readonly<Record<string, Json>>): string | undefined {
  const name = Object.keys(env).find((each) => actingVariables.test(each) && isOpen(env[each]));
  return name === undefined ? undefined : `a value decides ${name}, which names what is run`;
}
