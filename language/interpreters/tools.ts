import type { Interpreter } from './form.js';

/* Everything else that takes code, or the name of a program, among its arguments. */

/** `$(shell …)` in a variable is run, and any argument may be one: `NAME=value`. */
const make: Interpreter = {
  letters: 'fE',
  options: ['--eval', '--file', '--makefile'],
  skip: 'CIoW',
  skipLong: { '--directory': 1, '--include-dir': 1, '--old-file': 1, '--what-if': 1 },
  plain: 'all',
  instead: 'run what the target runs, with the value as an argument of its own',
};
const vim: Interpreter = { letters: 'cSuU', options: ['--cmd'], skip: 'Trw', marks: '+' };
const pager: Interpreter = { letters: 'k', options: ['--lesskey-file'], marks: '+' };
const packages: Interpreter = { letters: 'oc', options: ['--option', '--config-file'], skip: 't' };
const rpm: Interpreter = {
  letters: 'ED',
  options: ['--eval', '--define', '--pipe', '--load', '--macros', '--rcfile'],
};
const mail: Interpreter = { letters: 'S', skip: 'abcqrs', marks: '|' };

export const tools: Readonly<Record<string, Interpreter>> = {
  ...{ make, gmake: make },
  just: { letters: 'cf', options: ['--command', '--set', '--shell', '--shell-arg'], plain: 'all' },
  task: { letters: 't', skip: 'd', plain: 'all' },
  cmake: { letters: 'PDC', skip: 'SBGAT' },
  tar: {
    letters: 'FI',
    options: [
      ...['--to-command', '--checkpoint-action', '--use-compress-program', '--info-script'],
      ...['--new-volume-script', '--rsh-command', '--rmt-command'],
    ],
    skip: 'CfTXbgHKLNV',
  },
  zip: { options: ['-tt', '--unzip-command'] },
  find: {
    options: ['-exec', '-execdir', '-ok', '-okdir'],
    runs: true,
    marks: '-(!,',
  },
  fd: { letters: 'xX', options: ['--exec', '--exec-batch'], runs: true },
  rg: { options: ['--pre', '--hostname-bin'] },
  sort: { options: ['--compress-program'] },
  split: { options: ['--filter'] },
  install: { options: ['--strip-program'] },
  ...{ vim, vi: vim, nvim: vim, ex: vim, view: vim, vimdiff: vim },
  emacs: { options: ['--eval', '--load', '-l', '--script', '--execute'] },
  ...{ less: pager, more: pager },
  man: { letters: 'PH', options: ['--pager', '--html', '--preprocessor'] },
  openssl: {
    options: ['-engine', '-provider', '-provider-path', '-config', '-keygen_engine'],
  },
  'openssl engine': { options: ['-pre', '-post'], plain: 'all' },
  gpg: {
    options: [
      ...['--options', '--exec-path', '--agent-program', '--dirmngr-program'],
      ...['--keyboxd-program', '--photo-viewer', '--pinentry-program'],
    ],
  },
  tcpdump: { letters: 'z', skip: 'BcCEFGijmMrsTVwWyZ' },
  tshark: { letters: 'X', skip: 'abBcCdDeEfFGhHijJKNoOrRsStTuwyYzU' },
  iptables: { options: ['--modprobe'] },
  openvpn: { options: ['--config', '--up', '--down', '--plugin', '--tls-verify', '--ipchange'] },
  gdb: { options: ['-ex', '-x', '-eval-command', '--eval-command', '--command'] },
  lldb: { letters: 'oOsSkK' },
  hyperfine: { plain: 'all', options: ['--prepare', '--setup', '--cleanup', '--shell'] },
  fzf: { options: ['--preview', '--bind', '--execute'] },
  tmux: { letters: 'cf', skip: 'LS', plain: 'all' },
  screen: { letters: 'csX', skip: 'SLtTh', plain: 'all' },
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
  'start-stop-daemon': { letters: 'xa', options: ['--exec', '--startas'] },
  at: { letters: 'f' },
  crontab: { skip: 'u', script: true },
  logrotate: { skip: 'sl', skipLong: { '--state': 1, '--log': 1 }, plain: 'all' },
  'run-parts': { plain: 'all' },
  nginx: { letters: 'cgp' },
  haproxy: { letters: 'f' },
  ...{ apt: packages, 'apt-get': packages },
  ...{ rpm, rpmbuild: rpm },
  ...{ dnf: { letters: 'c', options: ['--config'] }, yum: { letters: 'c', options: ['--config'] } },
  dpkg: { options: ['--pre-invoke', '--post-invoke'] },
  'nix-shell': { letters: 'pE', options: ['--run', '--command', '--expr'] },
  ...{ mail, mailx: mail, 's-nail': mail },
};
