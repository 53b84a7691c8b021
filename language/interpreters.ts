/*
 * Decides which arguments of a command may come from a value. A value is data, and must never run
 * anything: so it may not stand where a program reads code, a program's name or an option. Checked
 * when a runbook is read, and again on the arguments before they are run.
 */

/** How a program takes code among its arguments. */
export interface Interpreter {
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
  /** What stands where its code does is a program and its arguments. */
  runs?: true;
  /** Options count only before the first plain argument. */
  stops?: true;
  /** Plain arguments that are subcommands, and do not count. */
  words?: readonly string[];
}

/** Shells have rules of their own: see `inShell`. */
export const shell: Interpreter = {};
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
export const interpreters: Readonly<Record<string, Interpreter>> = {
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
  cockroach: { letters: 'ef', options: ['--execute', '--file'] },
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
  find: { options: ['-exec', '-execdir', '-ok', '-okdir'], runs: true },
  su: {
    letters: 'cs',
    options: ['--command', '--session-command', '--shell'],
    skip: 'gGwT',
    plain: 'second',
    words: ['-'],
  },
  runuser: {
    letters: 'cs',
    options: ['--command', '--session-command', '--shell'],
    skip: 'ugGw',
    words: ['-'],
  },
  sg: { letters: 'c', plain: 'second', words: ['-'] },
  script: { letters: 'c', options: ['--command'] },
  flock: { letters: 'c', options: ['--command'], skip: 'wE' },
  watch: {
    skip: 'nqs',
    skipLong: { '--interval': 1, '--equexit': 1, '--shotsdir': 1 },
    plain: 'all',
    runs: true,
  },
  parallel: {
    skip: 'jPSaLnNdIX',
    skipLong: { '--jobs': 1, '--max-args': 1, '--delay': 1, '--timeout': 1, '--colsep': 1 },
    plain: 'all',
    runs: true,
  },
  eval: { plain: 'all' },
  java: {
    options: ['-jar', '-cp', '-classpath', '--class-path', '-p', '--module-path', '-m', '--module'],
    script: true,
  },
  irb: { letters: 'rI', script: true },
  socat: { plain: 'all' },
  nc: { letters: 'ec', options: ['--exec', '--sh-exec', '--lua-exec'] },
  ncat: { letters: 'ec', options: ['--exec', '--sh-exec', '--lua-exec'] },
  'start-stop-daemon': { letters: 'xa', options: ['--exec', '--startas'] },
  man: { letters: 'PH', options: ['--pager', '--html'] },
  at: { letters: 'f' },
  crontab: { skip: 'u', script: true },
  make: { letters: 'f', options: ['--eval', '--file', '--makefile'] },
  vim: { letters: 'cS', options: ['--cmd'] },
  vi: { letters: 'cS', options: ['--cmd'] },
  emacs: { options: ['--eval', '--load', '-l', '--script', '--execute'] },
};

/** How a program takes the one that it runs. Options by their letter, or their long name. */
export interface Wrapper {
  /** How many plain arguments precede the program. */
  before: number;
  /** Letters of options with an argument. */
  skip: string;
  /** Long options whose argument is the next word. */
  long?: readonly string[];
  /** Long options without an argument; what follows any other may be one. */
  flags?: readonly string[];
  /** Options whose argument is run, or names what is run. */
  code?: readonly string[];
  /** Options that make a command line of a text: no place in it can be told. */
  splits?: readonly string[];
  /** Words such as `NAME=value` stand before the program. */
  assigns?: true;
  /** Options with the folder in which the program is started. */
  chdir?: readonly string[];
  /** Options that remove all variables, or those that they name. */
  clears?: readonly string[];
  unsets?: readonly string[];
}

const timeout: Wrapper = {
  ...{ before: 1, skip: 'ks', long: ['--kill-after', '--signal'] },
  flags: ['--foreground', '--preserve-status', '--verbose'],
};
const plainly: Wrapper = { before: 0, skip: '' };

/** Programs that run another one. */
export const wrappers: Readonly<Record<string, Wrapper>> = {
  env: {
    ...{ before: 0, skip: 'uCaP', long: ['--unset', '--chdir', '--split-string', '--argv0'] },
    flags: [
      ...['--ignore-environment', '--null', '--debug', '--block-signal', '--default-signal'],
      ...['--ignore-signal', '--list-signal-handling'],
    ],
    ...{ assigns: true, splits: ['S', '--split-string'], chdir: ['C', '--chdir'] },
    ...{ clears: ['-', 'i', '--ignore-environment'], unsets: ['u', '--unset'] },
  },
  sudo: {
    ...{ before: 0, skip: 'ugCDhpRrtTU', assigns: true, chdir: ['D', '--chdir'] },
    long: [
      ...['--user', '--group', '--host', '--prompt', '--chroot', '--chdir', '--close-from'],
      ...['--role', '--type', '--other-user', '--command-timeout'],
    ],
    flags: [
      ...['--non-interactive', '--preserve-env', '--set-home', '--stdin', '--askpass'],
      ...['--background', '--bell', '--login', '--shell', '--reset-timestamp'],
    ],
  },
  doas: { before: 0, skip: 'uCa' },
  nice: { before: 0, skip: 'n', long: ['--adjustment'] },
  ionice: { before: 0, skip: 'cnp', long: ['--class', '--classdata'], flags: ['--ignore'] },
  chrt: { before: 1, skip: 'TPD' },
  taskset: { before: 1, skip: '', flags: ['--cpu-list', '--all-tasks'] },
  setsid: { before: 0, skip: '', flags: ['--ctty', '--fork', '--wait'] },
  pkexec: { before: 0, skip: '', long: ['--user'], flags: ['--keep-cwd'] },
  runuser: { before: 0, skip: 'ugGw', long: ['--user', '--group', '--supp-group'] },
  stdbuf: { before: 0, skip: 'ioe', long: ['--input', '--output', '--error'] },
  time: {
    ...{ before: 0, skip: 'fo', long: ['--format', '--output'] },
    flags: ['--portability', '--append', '--verbose', '--quiet'],
  },
  ...{ timeout, gtimeout: timeout },
  xargs: {
    ...{ before: 0, skip: 'adEILnPs' },
    long: [
      ...['--arg-file', '--delimiter', '--max-lines', '--max-args', '--max-procs', '--max-chars'],
      '--process-slot-var',
    ],
    flags: ['--null', '--interactive', '--no-run-if-empty', '--verbose', '--exit', '--open-tty'],
  },
  chroot: { before: 1, skip: '', flags: ['--skip-chdir'] },
  unshare: { before: 0, skip: 'RwSG', chdir: ['w', '--wd'] },
  nsenter: { before: 0, skip: 'tSGWN' },
  ...{ nohup: plainly, setpriv: plainly, capsh: plainly, command: plainly, chronic: plainly },
  ...{ busybox: plainly, toybox: plainly, eatmydata: plainly, torsocks: plainly },
  ...{
    linux64: plainly,
    linux32: plainly,
    fakeroot: { before: 0, skip: 'lsib' },
  },
  gosu: { before: 1, skip: '' },
  'su-exec': { before: 1, skip: '' },
  setuidgid: { before: 1, skip: '' },
  chpst: { before: 0, skip: 'uUbemdopfcrtnlL/' },
  exec: { before: 0, skip: 'a' },
  tini: { before: 0, skip: 'pe' },
  'dumb-init': { before: 0, skip: 'r' },
  'systemd-run': {
    ...{ before: 0, skip: 'pMuEHC' },
    flags: [
      ...['--collect', '--scope', '--pty', '--pipe', '--wait', '--user', '--system', '--quiet'],
      ...['--same-dir', '--no-block', '--no-ask-password', '--remain-after-exit', '--shell'],
    ],
  },
  'systemd-inhibit': plainly,
  strace: { before: 0, skip: 'abeEIoOpPsSuUX' },
  ltrace: { before: 0, skip: 'aADeFlnopsuwx' },
  valgrind: plainly,
  numactl: { before: 0, skip: 'iNCmpPl' },
  prlimit: { before: 0, skip: 'po' },
  cgexec: { before: 0, skip: 'g' },
  choom: { before: 0, skip: 'np' },
  faketime: { before: 1, skip: '' },
  'xvfb-run': { before: 0, skip: 'efnps' },
  'dbus-run-session': plainly,
  firejail: plainly,
  sshpass: { before: 0, skip: 'pfdP' },
  npx: { before: 0, skip: '', code: ['p', 'c', '--package', '--call'] },
  uvx: { before: 0, skip: '', code: ['w', '--from', '--with'] },
  flock: {
    ...{ before: 1, skip: 'wE', long: ['--timeout', '--wait', '--conflict-exit-code'] },
    flags: ['--shared', '--exclusive', '--unlock', '--nonblock', '--close', '--no-fork'],
  },
};

/**
 * Programs whose arguments can contain a command line, such as `kubectl exec POD -- sh -c TEXT`.
 */
export const carriers: ReadonlySet<string> = new Set([
  ...['kubectl', 'oc', 'k3s', 'docker', 'podman', 'nerdctl', 'crictl', 'docker-compose', 'lxc'],
  ...['machinectl', 'aws', 'gcloud', 'az', 'vagrant', 'ansible', 'salt', 'uv', 'poetry', 'pipenv'],
  ...['pipx', 'bundle', 'npm', 'pnpm', 'yarn', 'nix-shell', 'nomad', 'fly', 'heroku', 'find', 'ip'],
  ...['bwrap', 'setarch', 'go', 'cargo', 'bun'],
]);

/** Words of carriers behind which the next one names what is run. */
export const runWords: Readonly<Record<string, readonly string[]>> = {
  ...{ npm: ['exec', 'x', 'run', 'run-script'], pnpm: ['exec', 'dlx', 'run'] },
  ...{ yarn: ['exec', 'dlx', 'run'], bun: ['x', 'run'], bundle: ['exec'], pipx: ['run'] },
  ...{ uv: ['run'], poetry: ['run'], pipenv: ['run'], go: ['run'] },
  ...{ docker: ['--entrypoint'], podman: ['--entrypoint'], nerdctl: ['--entrypoint'] },
};

/** Whether `node` is a kind of thing there, as in `kubectl get node NAME`, and no program. */
export function isThing(carrier: string, verb: string): boolean {
  return carriersOfThings.has(carrier) && verbsOfThings.has(verb);
}

const carriersOfThings: ReadonlySet<string> = new Set(['kubectl', 'oc', 'k3s']);
const verbsOfThings: ReadonlySet<string> = new Set([
  ...['get', 'describe', 'label', 'annotate', 'taint', 'patch', 'edit', 'delete', 'top', 'wait'],
]);

/** Subcommands and names of things that are not programs among the arguments of a carrier. */
export const plainWords: ReadonlySet<string> = new Set([
  ...['exec', 'command', 'time', 'script', 'eval', 'r', 'ed', 'expect', 'watch', 'git', 'make'],
]);

/** Variables that make a program run or load other code. */
export const actingVariables =
  /^(LD_.*|DYLD_.*|PATH|IFS|SHELL|BASH_ENV|BASH_FUNC_.*|ENV|PROMPT_COMMAND|SHELLOPTS|PS4|ZDOTDIR|NODE_OPTIONS|NODE_PATH|PYTHON(PATH|STARTUP|HOME|INSPECT)|PERL5(OPT|LIB|DB)|RUBY(OPT|LIB)|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|GIT_.*|SSH_ASKPASS|PAGER|MANPAGER|LESSOPEN|LESSCLOSE|EDITOR|VISUAL|BROWSER|GCONV_PATH|LUA_(INIT|PATH|CPATH).*)$/;
