import { writeFile } from 'node:fs/promises';
import { startOf } from '../../activities/process-tree.js';

/** A shell script as an input of the tests' runbooks: the JSON of a program and its arguments. */
export function sh(script: string, ...args: string[]): string {
  return JSON.stringify(['/bin/sh', '-c', script, 'sh', ...args]);
}

/**
 * The part of a script that waits for the test, by `go`. Any time instead would be too short on
 * some machine. The file is named after the first argument of the script.
 */
export const untilGo = 'until [ -e "$1.go" ]; do sleep 0.05; done';

/** Lets a script go on that waits by `untilGo`. @param file its first argument */
export const go = (file: string) => writeFile(`${file}.go`, '');

/** A script that prints and writes numbers into the file of its first argument until `go`. */
export const ticking =
  'i=0; until [ -e "$1.go" ]; do i=$((i+1)); echo "line $i"; echo $i >> "$1"; sleep 0.1; done';

/** A program that runs until the file is there, in the same form. */
export const untilFile = (file: string): string =>
  sh('until [ -e "$1" ]; do sleep 0.05; done', file);

/** A program that does nothing, in the same form. */
export const nothing = JSON.stringify(['/usr/bin/true']);

/** A process that has ended and that nobody has collected yet is not alive. */
export function isAlive(pid: number | string): boolean {
  return startOf(Number(pid)) !== undefined;
}
