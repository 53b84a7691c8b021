import { startOf } from '../../activities/process-tree.js';

/** A shell script as an input of the tests' runbooks: the JSON of a program and its arguments. */
export function sh(script: string, ...args: string[]): string {
  return JSON.stringify(['/bin/sh', '-c', script, 'sh', ...args]);
}

/** A program that does nothing, in the same form. */
export const nothing = JSON.stringify(['/usr/bin/true']);

/** A process that has ended and that nobody has collected yet is not alive. */
export function isAlive(pid: number | string): boolean {
  return startOf(Number(pid)) !== undefined;
}
