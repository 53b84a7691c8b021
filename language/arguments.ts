import type { Json } from './json.js';
import { field } from './objects.js';
import { isOpen as isOpenValue } from './reference.js';

/*
 * Decides which arguments of a command may come from a value. A value is data, and must never run
 * anything: so it may not stand where a program reads code, a program's name or an option. Checked
 * when a runbook is read, and again on the arguments before they are run.
 */

/** How a program takes code among its arguments. */
interface Interpreter {
  /** One-letter options whose argument is code, also at the end of a group such as `-lc`. */
  letters?: string;
  /** Long options whose argument is code, without the equals sign. */
  options?: readonly string[];
  /** One-letter options whose argument is not code, and does not count as a plain argument. */
  skip?: string;
  /** Long options with this many arguments that are not code. */
  skipLong?: Readonly<Record<string, number>>;
  /**
   * Which plain argument is code. `first` holds only when no option gave the code; `second` means
   * it and all after it.
   */
  plain?: 'first' | 'second' | 'all';
  /** The first plain argument names a file with code, unless an option gave the code. */
  script?: true;
  /** Options count only before the first plain argument. */
  stops?: true;
  /** Plain arguments that are subcommands, and do not count. */
  words?: readonly string[];
}

/** Shells have rules of their own: see `inShell`. */
const shell: Interpreter = {};
const python: Interpreter = { letters: 'cm', skip: 'WX', script: true };
const node: Interpreter = {
  letters: 'epr',
  options: ['--eval', '--print', '--require', '--import', '--loader', '--experimental-loader'],
  script: true,
};
const awk: Interpreter = {
  letters: 'fei',
  options: ['--file', '--source', '--include', '--exec', '--load'],
  skip: 'Fvb',
  skipLong: { '--field-separator': 1, '--assign': 1 },
  plain: 'first',
};
const jq: Interpreter = {
  letters: 'fL',
  options: ['--from-file', '--library-path', '--expression', '--from-filter'],
  skipLong: {
    ...{ '--arg': 2, '--argjson': 2, '--slurpfile': 2, '--rawfile': 2, '--argfile': 2 },
    ...{ '--indent': 1 },
  },
  plain: 'first',
};
const mysql: Interpreter = {
  letters: 'e',
  options: ['--execute', '--init-command'],
  skip: 'uhPDS',
};
const remote: Interpreter = {
  letters: 'oF',
  skip: 'bcDEeIiJLlmOpQRSWw',
  plain: 'second',
};

/** Keyed by the program's name, without folder and version. */
const interpreters: Readonly<Record<string, Interpreter>> = {
  ...Object.fromEntries(
    [
      ...['sh', 'bash', 'dash', 'zsh', 'ksh', 'mksh', 'ash', 'fish', 'csh', 'tcsh', 'yash'],
      ...['rbash', 'rzsh', 'busybox-sh', 'nu', 'elvish', 'xonsh'],
    ].map((name) => [name, shell]),
  ),
  ...{ python, pypy: python, ipython: python, jython: python },
  ...{ node, nodejs: node, bun: node, tsx: node, 'ts-node': node, electron: node },
  deno: { letters: 'e', options: ['--eval'], plain: 'second' },
  perl: { letters: 'eEmMI', script: true },
  ruby: { letters: 'erI', script: true },
  jruby: { letters: 'erI', script: true },
  php: { letters: 'rBREF', options: ['--run'], skip: 'dc', script: true },
  lua: { letters: 'el', script: true },
  luajit: { letters: 'el', script: true },
  rscript: { letters: 'e', script: true },
  r: { letters: 'ef' },
  julia: { letters: 'eEL', options: ['--eval', '--print', '--load'], script: true },
  groovy: { letters: 'e', script: true },
  scala: { letters: 'e', script: true },
  elixir: { letters: 'er', options: ['--eval'], script: true },
  erl: { options: ['-eval', '-s', '-run'] },
  raku: { letters: 'e', script: true },
  osascript: { letters: 'e', script: true },
  tclsh: { script: true },
  expect: { letters: 'cf', script: true },
  gdb: { options: ['-ex', '-x', '-eval-command', '--eval-command', '--command'] },
  pwsh: {
    options: ['-c', '-command', '-encodedcommand', '-ec', '-e', '-file', '-f'],
    script: true,
  },
  powershell: {
    options: ['-c', '-command', '-encodedcommand', '-ec', '-e', '-file', '-f'],
    script: true,
  },
  cmd: { options: ['/c', '/k'] },
  awk,
  ...{ gawk: awk, mawk: awk, nawk: awk, original_awk: awk },
  sed: {
    letters: 'ef',
    options: ['--expression', '--file'],
    skip: 'l',
    skipLong: { '--line-length': 1 },
    plain: 'first',
  },
  gsed: { letters: 'ef', options: ['--expression', '--file'], skip: 'l', plain: 'first' },
  ed: { script: true },
  ...{ jq, gojq: jq, jaq: jq },
  yq: { ...jq, words: ['eval', 'e', 'eval-all', 'ea'] },
  psql: { letters: 'cf', options: ['--command', '--file'], skip: 'dhpUvFRPTLo' },
  ...{ mysql, mariadb: mysql },
  sqlite: { options: ['-cmd', '-init', '--cmd', '--init'], plain: 'second' },
  duckdb: { letters: 'cs', options: ['-cmd', '-init'], plain: 'second' },
  sqlplus: { plain: 'second' },
  sqlcmd: { letters: 'qQiv', skip: 'SUPd' },
  cqlsh: { letters: 'ef', options: ['--execute', '--file'] },
  mongo: { letters: 'f', options: ['--eval', '--file'] },
  mongosh: { letters: 'f', options: ['--eval', '--file'] },
  'clickhouse-client': { letters: 'q', options: ['--query', '--queries-file'] },
  clickhouse: { letters: 'q', options: ['--query', '--queries-file'] },
  bq: { plain: 'second' },
  snowsql: { letters: 'qf', options: ['--query', '--filename'] },
  'redis-cli': { options: ['--eval', 'eval', 'evalsha', 'script'] },
  ssh: remote,
  ...{ rsh: remote, slogin: remote, autossh: remote, plink: remote, mosh: remote, pdsh: remote },
  scp: { letters: 'oSF' },
  sftp: { letters: 'oSFb' },
  rsync: { letters: 'e', options: ['--rsh', '--rsync-path'] },
  tar: {
    letters: 'FI',
    options: ['--to-command', '--checkpoint-action', '--use-compress-program'],
  },
  git: { letters: 'c', options: ['--exec-path', '--config-env'], skip: 'C', stops: true },
  find: { options: ['-exec', '-execdir', '-ok', '-okdir'] },
  su: { letters: 'c', options: ['--command', '--session-command'] },
  runuser: { letters: 'c', options: ['--command', '--session-command'] },
  script: { letters: 'c', options: ['--command'] },
  flock: { letters: 'c', options: ['--command'], skip: 'wE' },
  watch: { skip: 'n', plain: 'all' },
  parallel: { skip: 'jPSa', plain: 'all' },
  eval: { plain: 'all' },
  make: { letters: 'f', options: ['--eval', '--file', '--makefile'] },
  vim: { letters: 'cS', options: ['--cmd'] },
  vi: { letters: 'cS', options: ['--cmd'] },
  emacs: { options: ['--eval', '--load', '-l', '--script', '--execute'] },
};

/** How many plain arguments precede the program, and which options take an argument. */
interface Wrapper {
  before: number;
  skip: string;
}

/** Programs that run another one. */
const wrappers: Readonly<Record<string, Wrapper>> = {
  env: { before: 0, skip: 'uC' },
  sudo: { before: 0, skip: 'ugCDhpRrtTU' },
  doas: { before: 0, skip: 'uC' },
  nice: { before: 0, skip: 'n' },
  ionice: { before: 0, skip: 'cnp' },
  chrt: { before: 1, skip: 'TPD' },
  taskset: { before: 1, skip: '' },
  nohup: { before: 0, skip: '' },
  setsid: { before: 0, skip: '' },
  stdbuf: { before: 0, skip: 'ioe' },
  time: { before: 0, skip: 'fo' },
  timeout: { before: 1, skip: 'ks' },
  gtimeout: { before: 1, skip: 'ks' },
  xargs: { before: 0, skip: 'adEILnPs' },
  chroot: { before: 1, skip: '' },
  unshare: { before: 0, skip: '' },
  nsenter: { before: 0, skip: 't' },
  setpriv: { before: 0, skip: '' },
  capsh: { before: 0, skip: '' },
  gosu: { before: 1, skip: '' },
  'su-exec': { before: 1, skip: '' },
  chpst: { before: 0, skip: 'ubemdopcr' },
  exec: { before: 0, skip: 'a' },
  command: { before: 0, skip: '' },
  busybox: { before: 0, skip: '' },
  toybox: { before: 0, skip: '' },
  tini: { before: 0, skip: 'pe' },
  'dumb-init': { before: 0, skip: 'r' },
  'systemd-run': { before: 0, skip: 'pMuGE' },
  'systemd-inhibit': { before: 0, skip: '' },
  strace: { before: 0, skip: 'eopsuE' },
  ltrace: { before: 0, skip: 'eopsu' },
  sshpass: { before: 0, skip: 'pfdP' },
  npx: { before: 0, skip: 'pc' },
  uvx: { before: 0, skip: '' },
  flock: { before: 1, skip: 'wE' },
};

/**
 * Programs whose arguments can contain a command line, such as `kubectl exec POD -- sh -c TEXT`.
 */
const carriers: ReadonlySet<string> = new Set([
  ...['kubectl', 'oc', 'k3s', 'docker', 'podman', 'nerdctl', 'crictl', 'docker-compose', 'lxc'],
  ...['machinectl', 'aws', 'gcloud', 'az', 'vagrant', 'ansible', 'salt', 'uv', 'poetry', 'pipenv'],
  ...['pipx', 'bundle', 'npm', 'pnpm', 'yarn', 'nix-shell', 'nomad', 'fly', 'heroku', 'find'],
]);

/** Subcommands and names of things that are not programs among the arguments of a carrier. */
const plainWords: ReadonlySet<string> = new Set([
  ...['exec', 'command', 'time', 'script', 'eval', 'r', 'ed', 'expect', 'watch', 'git', 'make'],
]);

/** `python3.12` is python, `/usr/bin/sh` is sh, `perl5.36.0` is perl. */
function nameOf(program: string): string {
  // eslint-disable-next-line layers/step-paths -- a file's path
  const name = (program.split('/').at(-1) ?? '').toLowerCase().replace(/\.exe$/, '');
  if (Object.hasOwn(interpreters, name) || Object.hasOwn(wrappers, name)) return name;
  return name.replace(/-?[0-9][0-9.]*[a-z]?$/, '');
}

const isOpen = (argument: Json | undefined): boolean =>
  argument !== undefined && isOpenValue(argument);
const textOf = (argument: Json | undefined): string =>
  argument === undefined || argument === null || typeof argument === 'object'
    ? ''
    : String(argument);

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
  const name = nameOf(textOf(program));
  const rest = argv.slice(1);
  const wrapper = field(wrappers, name);
  const how = field(interpreters, name);
  const inside = how === shell ? inShell : inInterpreter;
  const found = how ? inside(name, how, rest) : undefined;
  if (found !== undefined) return found;
  if (wrapper) return inWrapper(name, wrapper, rest);
  return carriers.has(name) ? inCarrier(rest) : undefined;
}

/** Wrappers whose program is not on this host, or is not looked up in PATH. */
const elsewhere: ReadonlySet<string> = new Set([
  ...['chroot', 'nsenter', 'unshare', 'npx', 'uvx', 'busybox', 'toybox', 'exec', 'command'],
]);

/** Where in a command line a program stands. */
export interface ProgramPlace {
  at: number;
  /** The interpreter before it reads it; it is not started itself. */
  script: boolean;
}

/**
 * Where the programs of a command line stand: its first word, what a wrapper such as sudo starts,
 * and a script behind its interpreter and that one's options.
 */
export function programPlaces(argv: readonly Json[], from = 0): ProgramPlace[] {
  const program = textOf(argv[from]);
  if (program === '') return [];
  const name = nameOf(program);
  const own = { at: from, script: false };
  const wrapper = field(wrappers, name);
  if (wrapper && !elsewhere.has(name)) {
    const inner = innerPlace(name, wrapper, argv.slice(from + 1));
    return [own, ...(inner === undefined ? [] : programPlaces(argv, from + 1 + inner))];
  }
  const how = field(interpreters, name);
  const script =
    how === shell || how?.script === true
      ? scriptPlace(how === shell ? shellOptions : how, argv.slice(from + 1))
      : undefined;
  return script === undefined ? [own] : [own, { at: from + 1 + script, script: true }];
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
        if (attached === undefined && isOpen(rest[(at += 1)])) return code;
      } else if (!word.startsWith('--')) {
        const letter = takesArgument(word, how);
        if (letter === undefined) continue;
        const isCode = how.letters?.includes(letter) === true;
        if (isCode) given = true;
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
    if (/^--(rcfile|init-file|command|init-command)$/.test(word)) {
      if (isOpen(rest[(at += 1)])) return `${name} would read a value as code`;
      isCode ||= word === '--command';
    } else if (/^[-+]/.test(word)) {
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
  const inner = innerPlace(name, wrapper, rest);
  const own = rest.slice(0, inner);
  const split = own.findIndex((word) => /^(-S|--split-string)/.test(textOf(word)));
  if (name === 'env' && split !== -1 && isOpen(rest[split + 1]))
    return 'env would read a value as a command line';
  return inner === undefined ? undefined : openProgramText(rest.slice(inner));
}

/** The place of the wrapped program among the wrapper's arguments. */
function innerPlace(
  name: string,
  { before, skip }: Wrapper,
  rest: readonly Json[],
): number | undefined {
  let plain = 0;
  for (let at = 0; at < rest.length; at += 1) {
    const word = textOf(rest[at]);
    if (word.startsWith('-') && word.length > 1) {
      const letter = [...word.slice(1)].find((each) => skip.includes(each));
      if (!word.startsWith('--') && letter !== undefined && word.endsWith(letter)) at += 1;
      continue;
    }
    if (/^[A-Za-z_]\w*=/.test(word) && (name === 'env' || name === 'sudo')) continue;
    if ((plain += 1) > before) return at;
  }
  return undefined;
}

function inCarrier(rest: readonly Json[]): string | undefined {
  for (let at = 0; at < rest.length; at += 1) {
    const name = nameOf(textOf(rest[at]));
    if (plainWords.has(name)) continue;
    if (!Object.hasOwn(interpreters, name) && !Object.hasOwn(wrappers, name)) continue;
    const found = openProgramText(rest.slice(at));
    if (found !== undefined || interpreters[name] === shell) return found;
  }
  return undefined;
}

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
  const open = argv.map((argument, at): Json => (isValue(at) ? { $: 'inputs' } : argument));
  const found = openProgramText(open);
  if (found !== undefined) return found;
  const ends = argv.findIndex((argument, at) => argument === '--' && !isValue(at));
  const option = given.find((at) => argv[at]?.startsWith('-') && (ends === -1 || at < ends));
  if (option === undefined) return undefined;
  const shown = JSON.stringify((argv[option] ?? '').slice(0, 40));
  return `argument ${option} is the value ${shown}, which ${argv[0] ?? ''} may read as an option`;
}

/** Variables that make a program run or load other code. */
const actingVariables =
  /^(LD_.*|DYLD_.*|PATH|IFS|SHELL|BASH_ENV|BASH_FUNC_.*|ENV|PROMPT_COMMAND|SHELLOPTS|PS4|ZDOTDIR|NODE_OPTIONS|NODE_PATH|PYTHON(PATH|STARTUP|HOME|INSPECT)|PERL5(OPT|LIB|DB)|RUBY(OPT|LIB)|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|GIT_.*|SSH_ASKPASS|PAGER|MANPAGER|LESSOPEN|LESSCLOSE|EDITOR|VISUAL|BROWSER|GCONV_PATH|LUA_(INIT|PATH|CPATH).*)$/;

/** Why the environment of a command is refused: a value in it decides what is run. */
export function openVariable(env: Readonly<Record<string, Json>>): string | undefined {
  const name = Object.keys(env).find((each) => actingVariables.test(each) && isOpen(env[each]));
  return name === undefined ? undefined : `a value decides ${name}, which names what is run`;
}
