import { describe, expect, test } from '@jest/globals';
import { openProgramText, unsafeValue } from '../../../language/arguments.js';
import type { Interpreter } from '../../../language/interpreters/form.js';
import { interpreters } from '../../../language/interpreters/index.js';
import { shell } from '../../../language/interpreters/languages.js';
import { wrappers } from '../../../language/interpreters/wrappers.js';
import type { Json } from '../../../language/json.js';

/*
 * Every form in which a program of the tables takes code, made from the tables: a value there is
 * refused. And every place beside them where it is data.
 */

const x = { $: 'inputs.x' };
/** `X` stands for a value, at the end of a word also behind other text. */
const argv = (line: string): Json[] =>
  line.split(' ').map((word): Json => {
    if (word === 'X') return x;
    return word.endsWith('X…') ? { join: [word.slice(0, -2), x] } : word;
  });
const isRefused = (line: string): boolean => openProgramText(argv(line)) !== undefined;

/** Options before the plain arguments, none of which gives code. */
function innocent({ skip = '', skipLong = {} }: Interpreter): string[] {
  return [
    ...['', ...[...skip].map((letter) => `-${letter} a`)],
    ...Object.entries(skipLong).map(([name, count]) => `${name}${' a'.repeat(count)}`),
  ];
}

/** Options with code, behind which the first plain argument is code all the same. */
function besideCode({ letters = '', options = [], gives = [] }: Interpreter): string[] {
  const all = [...[...letters].map((letter) => `-${letter}`), ...options];
  return all.filter((option) => !gives.includes(option) && option.startsWith('-'));
}

function codeOf(how: Interpreter): string[] {
  const { letters = '', skip = '', options = [], plain, script, opens, words = [] } = how;
  const other = [...'qgnyz'].find((letter) => !letters.includes(letter) && !skip.includes(letter));
  const before = how.remoteUnless ? ['', '-q'] : innocent(how);
  return [
    ...[...letters].flatMap((letter) => [
      ...[`-${letter} X`, `-${letter}X…`, `-${other}${letter} X`],
      ...before.map((option) => `${option} -${letter} X`),
    ]),
    ...options.flatMap((option) => [
      `${option} X`,
      ...(option.startsWith('-') ? [`${option}=X…`] : []),
    ]),
    // A long option may be shortened.
    ...options.filter((option) => /^--.{6}/.test(option)).map((o) => `${o.slice(0, -1)} X`),
    ...(plain === 'first' || plain === 'all' || script ? before.map((o) => `${o} X`) : []),
    ...(plain === 'second' || plain === 'all' ? before.map((o) => `${o} a X`) : []),
    ...(plain === 'second' ? ['a b X'] : []),
    ...(plain === 'first' || script ? besideCode(how).map((option) => `${option} a X`) : []),
    ...words.flatMap((word) => (plain === 'second' ? [`${word} a X`] : [])),
    ...[...(opens ?? '')].flatMap((letter) => [`-${letter}e 1 X`, `-${letter} a X`]),
    ...(how.remoteUnless ? ['a host:X…', 'host:a/X… b'] : []),
  ];
}

/** Where a value is data; behind code that stands there as it is. */
function dataOf(how: Interpreter): string[] {
  const { skip = '', skipLong = {}, plain, script, harmless = [], letters = '', gives = [] } = how;
  const code = plain === 'first' || script ? ' a' : '';
  const [letter = ''] = letters;
  return [
    ...[...skip].map((each) => `-${each} X${code}`),
    ...Object.entries(skipLong).map(([name, count]) => `${name}${' X'.repeat(count)}${code}`),
    ...(plain === 'first' || script ? ['a X'] : []),
    ...gives.map((option) => `${option} a X`),
    ...(plain === 'second' ? ['X', 'X a'] : []),
    ...harmless.flatMap((each) => (letter === '' ? [] : [`-${letter} ${each}X…`])),
    ...(how.remoteUnless ?? []).map((option) => `${option.padStart(2, '-')} a host:X…`),
  ];
}

const programs = Object.entries(interpreters).filter(([, how]) => how !== shell);
/** What has rules of its own beside its entry. */
const isRead = (name: string): boolean => !Object.hasOwn(wrappers, name);
const lines = (made: (how: Interpreter) => string[], isWanted = (_name: string) => true) =>
  programs
    .filter(([name]) => isWanted(name))
    .flatMap(([name, how]) => made(how).map((form) => ({ name, form: form.trim() })));

describe('every form that the tables tell', () => {
  test('in which a value would be code is refused', () => {
    const all = lines(codeOf);
    const accepted = all.filter(({ name, form }) => !isRefused(`${name} ${form}`));
    process.stderr.write(`${all.length} forms of ${programs.length} programs\n`);
    expect(all.length).toBeGreaterThan(900);
    expect(accepted).toEqual([]);
  });

  test('of a program that no table has is accepted: it is the tables that refuse', () => {
    const all = lines(codeOf).filter(({ form }) => !/(^|[ -])-X…|(^| )--?X/.test(form));
    const refused = all.filter(({ form }) => isRefused(`nothing-known ${form}`));
    expect(refused).toEqual([]);
  });

  test('in which a value is data is accepted', () => {
    const all = lines(dataOf, isRead);
    const refused = all.filter(({ name, form }) => isRefused(`${name} ${form}`));
    expect(all.length).toBeGreaterThan(300);
    expect(refused).toEqual([]);
  });

  test('of options of wrappers whose argument is code is refused', () => {
    const all = Object.entries(wrappers).flatMap(([name, { code = [], harmless = [] }]) =>
      code.flatMap((option) => {
        const isLong = option.startsWith('--');
        const forms = isLong
          ? [`${option} X`, `${option}=X…`]
          : [`-${option} X`, `-${option}X…`, `-${option} a=X…`];
        const data = isLong
          ? harmless.map((each) => `${option}=${each}X…`)
          : harmless.map((each) => `-${option} ${each}X…`);
        return [
          ...forms.map((form) => ({ line: `${name} ${form} ls`, refused: true })),
          ...data.map((form) => ({ line: `${name} ${form} ls`, refused: false })),
        ];
      }),
    );
    expect(all.filter(({ line, refused }) => isRefused(line) !== refused)).toEqual([]);
    expect(all.length).toBeGreaterThan(30);
  });

  test('with which a value would be more than a value is refused when it runs', () => {
    const marked = programs.flatMap(([name, { marks = '' }]) =>
      [...marks].map((mark) => [name, mark] as const),
    );
    const accepted = marked.filter(
      ([name, mark]) => unsafeValue([name, '-z', `${mark}id`], [2]) === undefined,
    );
    const attached = marked.filter(
      ([name, mark]) => mark !== '-' && unsafeValue([name, `-z${mark}id`], [], [1]) === undefined,
    );
    expect({ accepted, attached }).toEqual({ accepted: [], attached: [] });
    expect(marked.length).toBeGreaterThan(10);
    const plain = marked.filter(
      ([, mark]) => mark !== '-' && unsafeValue(['ls', '--', `${mark}id`], [2]) !== undefined,
    );
    expect(plain).toEqual([]);
  });
});
