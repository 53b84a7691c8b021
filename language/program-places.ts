import type { Interpreter } from './interpreters/form.js';
import { interpreters, nameOf } from './interpreters/index.js';
import { shell } from './interpreters/languages.js';
import { wrappers } from './interpreters/wrappers.js';
import type { Json } from './json.js';
import { field } from './objects.js';
import { givesCode, isLongWithCode, takesArgument } from './options-with-code.js';
import { textOf } from './open-argument.js';
import { wrapperOptions } from './wrapper-options.js';

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
  gives: ['-c', '-s'],
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
    else if (word === '-') return undefined;
    else if (isLongWithCode(option, how)) {
      if (givesCode(option, how)) return undefined;
      if (attached === undefined) at += 1;
    } else if (!word.startsWith('--')) {
      const letter = takesArgument(word, how);
      if (letter !== undefined && givesCode(`-${letter}`, how)) return undefined;
      if (letter !== undefined && word.endsWith(letter)) at += 1;
    }
  }
  return undefined;
}
