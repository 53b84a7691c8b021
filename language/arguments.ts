import type { Json } from './json.js';
import { field } from './objects.js';
import {
  actingVariables,
  carriers,
  isThing,
  type Interpreter,
  interpreters,
  plainWords,
  runWords,
  shell,
  type Wrapper,
  wrappers,
} from './interpreters.js';
import { isOpen, textOf, wrapperOptions } from './wrapper-options.js';

/** `python3.12` is python, `/usr/bin/sh` is sh, `perl5.36.0` is perl. */
function nameOf(program: string): string {
  // eslint-disable-next-line layers/step-paths -- a file's path
  const name = (program.split('/').at(-1) ?? '').toLowerCase().replace(/\.exe$/, '');
  if (Object.hasOwn(interpreters, name) || Object.hasOwn(wrappers, name)) return name;
  return name.replace(/-?[0-9][0-9.]*[a-z]?$/, '');
}

/**
 * Why a command is refused: a value stands where a program reads code, the name of a program or an
 * option.
 * @param argv with a reference in the place of each value that inputs or outputs decide
 * @returns undefined when every value is data
 */
export function openProgramText(argv: readonly Json[]): string | undefined {
  const [program] = argv;
  if (program === undefined) return undefined;
  if (isOpen(program)) return 'a value names the program that is run';
  if (argv.some((word) => isOpen(word) && /^--?$/.test(textOf(word))))
    return 'a value names an option';
  const name = nameOf(textOf(program));
  const rest = argv.slice(1);
  const wrapper = field(wrappers, name);
  const how = field(interpreters, name);
  const inside = how === shell ? inShell : inInterpreter;
  const found = how ? inside(name, how, rest) : undefined;
  if (found !== undefined) return found;
  if (wrapper) return inWrapper(name, wrapper, rest);
  return carriers.has(name) ? inCarrier(name, rest) : undefined;
}

/** Wrappers whose program is not on this host, or is not looked up in PATH. */
const elsewhere: ReadonlySet<string> = new Set([
  ...['chroot', 'nsenter', 'npx', 'uvx', 'busybox', 'toybox', 'exec', 'command'],
]);

/** Where in a command line a program stands. */
export interface ProgramPlace {
  at: number;
  /** The interpreter before it reads it; it is not started itself. */
  script: boolean;
  /** Folders that wrappers before it go to, one after the other. */
  folders: readonly Json[];
  /** The PATH that a wrapper before it sets. Absent: none does. */
  path?: Json;
}

/**
 * Where the programs of a command line stand: its first word, what a wrapper such as sudo starts,
 * and a script behind its interpreter and that one's options.
 */
export function programPlaces(
  argv: readonly Json[],
  from: Omit<ProgramPlace, 'script'> = { at: 0, folders: [] },
): ProgramPlace[] {
  const program = textOf(argv[from.at]);
  if (program === '') return [];
  const name = nameOf(program);
  const own = { ...from, script: false };
  const begin = from.at + 1;
  const rest = argv.slice(begin);
  const wrapper = field(wrappers, name);
  if (wrapper && !elsewhere.has(name)) {
    const { places } = wrapperOptions(name, wrapper, rest);
    const inner = places.flatMap(({ at, folders, path }) =>
      programPlaces(argv, {
        ...from,
        ...{ at: begin + at, folders: [...from.folders, ...folders] },
        ...(path === undefined ? {} : { path }),
      }),
    );
    return [own, ...inner];
  }
  const how = field(interpreters, name);
  if (how?.runs)
    return [
      own,
      ...runPlaces(how, rest).flatMap((at) => programPlaces(argv, { ...from, at: begin + at })),
    ];
  const script =
    how === shell || how?.script === true
      ? scriptPlace(how === shell ? shellOptions : how, rest)
      : undefined;
  return script === undefined ? [own] : [own, { ...own, at: begin + script, script: true }];
}

/** The places of programs that stand where others have code. */
function runPlaces(how: Interpreter, rest: readonly Json[]): number[] {
  const behind = rest.flatMap((word, at) => (how.options?.includes(textOf(word)) ? [at + 1] : []));
  const first = how.plain === 'all' ? scriptPlace(how, rest) : undefined;
  // A text with blanks is a whole command line for a shell.
  return [...behind, ...(first === undefined ? [] : [first])].filter(
    (at) => !/\s/.test(textOf(rest[at])),
  );
}

/** The options of shells that decide where their script stands. */
const shellOptions: Interpreter = {
  letters: 'cs',
  skip: 'oO',
  skipLong: { '--rcfile': 1, '--init-file': 1 },
};

/** The place of the script among an interpreter's arguments; undefined when it reads none. */
function scriptPlace(how: Interpreter, rest: readonly Json[]): number | undefined {
  for (let at = 0; at < rest.length; at += 1) {
    const word = textOf(rest[at]);
    if (word === '--') return at + 1 < rest.length ? at + 1 : undefined;
    if (!/^[-+]/.test(word)) return word === '' ? undefined : at;
    const [option = '', attached] = word.split('=', 2);
    const skipped = how.skipLong?.[option];
    if (skipped !== undefined) at += attached === undefined ? skipped : 0;
    else if (how.options?.includes(option.toLowerCase()) || word === '-') return undefined;
    else if (!word.startsWith('--')) {
      const letter = takesArgument(word, how);
      if (letter !== undefined && how.letters?.includes(letter)) return undefined;
      if (letter !== undefined && word.endsWith(letter)) at += 1;
    }
  }
  return undefined;
}

function inInterpreter(name: string, how: Interpreter, rest: readonly Json[]): string | undefined {
  const code = `${name} would read a value as code`;
  let plain = 0;
  let given = false;
  for (let at = 0; at < rest.length; at += 1) {
    const word = textOf(rest[at]);
    if (word.startsWith('-') && word.length > 1 && word !== '--') {
      const [option = '', attached] = word.split('=', 2);
      const skipped = how.skipLong?.[option];
      if (skipped !== undefined) at += attached === undefined ? skipped : 0;
      else if (how.options?.includes(option.toLowerCase())) {
        given = true;
        if (isOpen(rest[at]) || (attached === undefined && isOpen(rest[(at += 1)]))) return code;
      } else if (!word.startsWith('--')) {
        const letter = takesArgument(word, how);
        if (letter === undefined) continue;
        const isCode = how.letters?.includes(letter) === true;
        if (isCode) given = true;
        if (isOpen(rest[at])) {
          // The value is what stands behind the letter, and the next word is one by itself.
          if (isCode) return code;
          continue;
        }
        // `-pe` is both at once; what follows the last letter is its argument.
        const last = word.at(-1) ?? '';
        if (last !== letter && !(isCode && how.letters?.includes(last))) continue;
        at += 1;
        if (isCode && isOpen(rest[at])) return code;
      }
      continue;
    }
    if (how.options?.includes(word.toLowerCase())) {
      if (isOpen(rest[at + 1])) return code;
      continue;
    }
    if (word === '--' || how.words?.includes(word)) continue;
    if (how.stops) return undefined;
    plain += 1;
    const isHere =
      how.plain === 'all' ||
      (how.plain === 'first' && plain === 1 && !given) ||
      (how.plain === 'second' && plain >= 2);
    if (isHere && isOpen(rest[at])) return code;
    if (how.script && plain === 1 && !given && isOpen(rest[at]))
      return `a value names the file that ${name} runs`;
    if (how.script && plain === 1) return undefined;
  }
  return undefined;
}

/**
 * The first argument that is not an option is code with `-c`, else a file; its parameters follow.
 */
function inShell(name: string, _how: Interpreter, rest: readonly Json[]): string | undefined {
  let isCode = false;
  for (let at = 0; at < rest.length; at += 1) {
    const word = textOf(rest[at]);
    if (word === '--' || word === '-') continue;
    if (/^--(rcfile|init-file|command|init-command)(=|$)/.test(word)) {
      const isBehind = !word.includes('=');
      if (isOpen(rest[at]) || (isBehind && isOpen(rest[(at += 1)])))
        return `${name} would read a value as code`;
      isCode ||= isBehind && word === '--command';
    } else if (/^[-+]/.test(word)) {
      if (isOpen(rest[at])) return `${name} would read a value as an option`;
      if (!word.startsWith('--') && word.includes('c')) isCode = true;
      if (/^[-+][a-zA-Z]*[oO]$/.test(word)) at += 1;
    } else if (!isOpen(rest[at])) return undefined;
    else
      return isCode
        ? `${name} would read a value as code`
        : `a value names the file that ${name} runs`;
  }
  return undefined;
}

/** The letter in a group of options that takes an argument. */
function takesArgument(word: string, { letters = '', skip = '' }: Interpreter): string | undefined {
  return [...word.slice(1)].find((letter) => letters.includes(letter) || skip.includes(letter));
}

function inWrapper(name: string, wrapper: Wrapper, rest: readonly Json[]): string | undefined {
  const { places, refused } = wrapperOptions(name, wrapper, rest);
  const inside = places.map(({ at }) => openProgramText(rest.slice(at)));
  return refused ?? inside.find((found) => found !== undefined);
}

/** Carriers whose command line stands behind `--`. */
const runsBehindEnd: ReadonlySet<string> = new Set([
  'kubectl',
  'oc',
  'k3s',
  'aws',
  'gcloud',
  'npm',
]);

function inCarrier(carrier: string, rest: readonly Json[]): string | undefined {
  const end = rest.findIndex((word) => word === '--');
  if (runsBehindEnd.has(carrier) && end !== -1 && isOpen(rest[end + 1]))
    return 'a value names the program that is run';
  const words = field(runWords, carrier) ?? [];
  for (let at = 0; at < rest.length; at += 1) {
    const [word = ''] = textOf(rest[at]).split('=', 1);
    if (words.includes(word) && (isOpen(rest[at]) || isOpen(rest[at + 1])))
      return 'a value names the program that is run';
    const name = nameOf(textOf(rest[at]));
    if (plainWords.has(name)) continue;
    if (name === 'node' && isThing(carrier, textOf(rest[at - 1]))) continue;
    if (!Object.hasOwn(interpreters, name) && !Object.hasOwn(wrappers, name)) continue;
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
  if (found !== undefined) return found;
  const readsOn = argv.some((argument, at) => !isValue(at) && nameOf(argument) === 'find');
  const ends = argv.findIndex((argument, at) => argument === '--' && !isValue(at));
  const mayBegin = readsOn ? /^[-(!,]/ : /^-/;
  const option = given.find(
    (at) => mayBegin.test(argv[at] ?? '') && (readsOn || ends === -1 || at < ends),
  );
  if (option === undefined) return undefined;
  const shown = JSON.stringify((argv[option] ?? '').slice(0, 40));
  return `argument ${option} is the value ${shown}, which ${argv[0] ?? ''} may read as an option`;
}

/** Why the environment of a command is refused: a value in it decides what is run. */
export function openVariable(env: Readonly<Record<string, Json>>): string | undefined {
  const name = Object.keys(env).find((each) => actingVariables.test(each) && isOpen(env[each]));
  return name === undefined ? undefined : `a value decides ${name}, which names what is run`;
}
