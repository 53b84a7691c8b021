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
export interface Wrapper {
  before: number;
  skip: string;
  /** Long options whose argument is the next word. */
  long?: readonly string[];
  /** Long options without an argument; what follows any other may be one. */
  flags?: readonly string[];
}

const timeout: Wrapper = {
  ...{ before: 1, skip: 'ks', long: ['--kill-after', '--signal'] },
  flags: ['--foreground', '--preserve-status', '--verbose'],
};

/** Programs that run another one. */
export const wrappers: Readonly<Record<string, Wrapper>> = {
  env: {
    ...{ before: 0, skip: 'uC', long: ['--unset', '--chdir', '--split-string'] },
    flags: ['--ignore-environment', '--null', '--debug', '--block-signal', '--default-signal'],
  },
  sudo: {
    ...{ before: 0, skip: 'ugCDhpRrtTU' },
    long: [
      ...['--user', '--group', '--host', '--prompt', '--chroot', '--chdir', '--close-from'],
      ...['--role', '--type', '--other-user', '--command-timeout'],
    ],
    flags: [
      ...['--non-interactive', '--preserve-env', '--set-home', '--stdin', '--askpass'],
      ...['--background', '--bell', '--login', '--shell', '--reset-timestamp'],
    ],
  },
  doas: { before: 0, skip: 'uC' },
  nice: { before: 0, skip: 'n', long: ['--adjustment'] },
  ionice: { before: 0, skip: 'cnp', long: ['--class', '--classdata'], flags: ['--ignore'] },
  chrt: { before: 1, skip: 'TPD' },
  taskset: { before: 1, skip: '' },
  nohup: { before: 0, skip: '' },
  setsid: { before: 0, skip: '', flags: ['--ctty', '--fork', '--wait'] },
  pkexec: { before: 0, skip: '', long: ['--user'], flags: ['--keep-cwd'] },
  runuser: { before: 0, skip: 'ugG', long: ['--user', '--group', '--supp-group'] },
  stdbuf: { before: 0, skip: 'ioe', long: ['--input', '--output', '--error'] },
  time: {
    ...{ before: 0, skip: 'fo', long: ['--format', '--output'] },
    flags: ['--portability', '--append', '--verbose', '--quiet'],
  },
  ...{ timeout, gtimeout: timeout },
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
export const carriers: ReadonlySet<string> = new Set([
  ...['kubectl', 'oc', 'k3s', 'docker', 'podman', 'nerdctl', 'crictl', 'docker-compose', 'lxc'],
  ...['machinectl', 'aws', 'gcloud', 'az', 'vagrant', 'ansible', 'salt', 'uv', 'poetry', 'pipenv'],
  ...['pipx', 'bundle', 'npm', 'pnpm', 'yarn', 'nix-shell', 'nomad', 'fly', 'heroku', 'find', 'ip'],
]);

/** Subcommands and names of things that are not programs among the arguments of a carrier. */
export const plainWords: ReadonlySet<string> = new Set([
  ...['exec', 'command', 'time', 'script', 'eval', 'r', 'ed', 'expect', 'watch', 'git', 'make'],
]);
