import type { Interpreter } from './form.js';

/* Shells and programming languages. */

/** Shells have rules of their own: see `inShell`. */
export const shell: Interpreter = {};
const python: Interpreter = { letters: 'cmWX', gives: ['-c', '-m'], script: true };
const node: Interpreter = {
  letters: 'epr',
  options: [
    ...['--eval', '--print', '--require', '--import', '--loader', '--experimental-loader'],
    ...['--env-file', '--env-file-if-exists', '--openssl-config', '--experimental-config-file'],
    ...['--run', '--snapshot-blob', '--build-snapshot-config'],
  ],
  gives: ['-e', '-p', '--eval', '--print', '--run'],
  script: true,
};
const awk: Interpreter = {
  letters: 'fei',
  options: ['--file', '--source', '--include', '--exec', '--load'],
  gives: ['-f', '-e', '--file', '--source', '--exec'],
  skip: 'Fvb',
  skipLong: { '--field-separator': 1, '--assign': 1 },
  plain: 'first',
};
const sed: Interpreter = {
  letters: 'ef',
  options: ['--expression', '--file'],
  gives: ['-e', '-f', '--expression', '--file'],
  skip: 'l',
  skipLong: { '--line-length': 1 },
  plain: 'first',
};
const jq: Interpreter = {
  letters: 'fL',
  options: ['--from-file', '--library-path', '--expression', '--from-filter'],
  gives: ['-f', '--from-file', '--expression', '--from-filter'],
  skipLong: {
    ...{ '--arg': 2, '--argjson': 2, '--slurpfile': 2, '--rawfile': 2, '--argfile': 2 },
    ...{ '--indent': 1 },
  },
  plain: 'first',
};
const ruby: Interpreter = { letters: 'erI', gives: ['-e'], script: true };
const inPowershell = ['-c', '-command', '-encodedcommand', '-ec', '-e', '-file', '-f'];
const powershell: Interpreter = { options: inPowershell, gives: inPowershell, script: true };

export const languages: Readonly<Record<string, Interpreter>> = {
  ...Object.fromEntries(
    [
      ...['sh', 'bash', 'dash', 'zsh', 'ksh', 'mksh', 'ash', 'fish', 'csh', 'tcsh', 'yash'],
      ...['rbash', 'rzsh', 'busybox-sh', 'nu', 'elvish', 'xonsh'],
    ].map((name) => [name, shell]),
  ),
  ...{ python, pypy: python, ipython: python, jython: python },
  ...{ node, nodejs: node, bun: node, tsx: node, 'ts-node': node, electron: node },
  deno: { letters: 'e', options: ['--eval'], plain: 'second' },
  perl: { letters: 'eEmMI', gives: ['-e', '-E'], opens: 'np', script: true },
  ...{ ruby, jruby: ruby },
  irb: { letters: 'rI', script: true },
  rake: { letters: 'eEprfIT', options: ['--execute', '--rakefile', '--require', '--libdir'] },
  php: {
    letters: 'rBREFdcz',
    options: ['--run', '--process-code', '--define', '--php-ini', '--zend-extension'],
    gives: ['-r', '-B', '-R', '-E', '-F', '-f', '--run', '--process-code'],
    script: true,
  },
  lua: { letters: 'el', script: true },
  luajit: { letters: 'el', script: true },
  rscript: { letters: 'e', gives: ['-e'], script: true },
  r: { letters: 'ef', options: ['--file'] },
  julia: {
    letters: 'eEL',
    options: ['--eval', '--print', '--load'],
    gives: ['-e', '-E', '--eval', '--print'],
    script: true,
  },
  octave: { options: ['--eval', '--persist'], gives: ['--eval'], script: true },
  groovy: { letters: 'e', gives: ['-e'], script: true },
  scala: { letters: 'e', gives: ['-e'], script: true },
  clojure: {
    letters: 'eim',
    options: ['--eval', '--init', '--main'],
    gives: ['-e', '-m', '--eval', '--main'],
    script: true,
  },
  elixir: { letters: 'er', options: ['--eval'], script: true },
  erl: { options: ['-eval', '-s', '-run'] },
  raku: { letters: 'e', gives: ['-e'], script: true },
  osascript: { letters: 'e', gives: ['-e'], script: true },
  guile: { letters: 'celsL', gives: ['-c', '-s'], script: true },
  tclsh: { script: true },
  expect: { letters: 'cf', gives: ['-f'], script: true },
  ...{ pwsh: powershell, powershell },
  cmd: { options: ['/c', '/k'] },
  java: {
    options: [
      ...['-jar', '-cp', '-classpath', '--class-path', '-p', '--module-path', '-m', '--module'],
      ...['-javaagent:', '-agentpath:', '-agentlib:', '-xx:onerror', '-xx:onoutofmemoryerror'],
    ],
    gives: ['-jar', '-m', '--module'],
    script: true,
  },
  ...{ awk, gawk: awk, mawk: awk, nawk: awk, original_awk: awk },
  ...{ sed, gsed: sed },
  ed: { script: true },
  dc: { letters: 'ef', options: ['--expression', '--file'], script: true },
  m4: { letters: 'DI', options: ['--define', '--include'], script: true },
  gnuplot: { letters: 'e', script: true },
  gs: { letters: 'cf', script: true },
  ...{ jq, gojq: jq, jaq: jq },
  yq: { ...jq, words: ['eval', 'e', 'eval-all', 'ea'] },
  eval: { plain: 'all' },
};
