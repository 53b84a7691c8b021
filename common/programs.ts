import { shortDigest } from '../language/digest.js';
import type { Program, ProgramName } from '../language/plan.js';

/*
 * What was approved is what runs: compares a program that is about to run with what the run knows
 * about it.
 */

/** The key under which versions of a program are compared. */
export function programKey({ name, cwd = '', path = '' }: ProgramName): string {
  return [cwd, path, name].join('\0');
}

/** Equal in every respect: no change to report. */
export function isSame(one: Program, other: Program): boolean {
  return one.file === other.file && one.digest === other.digest && one.system === other.system;
}

/** Whether only the system installs it: it is the system's now, and was before or was absent. */
export function isSystems(known: Program, now: Program): boolean {
  return now.system === true && (known.system === true || known.file === null);
}

/**
 * Whether it may run in place of `known`. A program of the system may change with the system; any
 * other must have the same content, or the same path where its content cannot be read.
 */
export function mayRunFor(known: Program, now: Program): boolean {
  if (isSystems(known, now)) return true;
  if (known.file === null || now.file === null || known.system) return false;
  return known.digest === now.digest && (now.digest !== null || known.file === now.file);
}

/** Its name for people, with whatever else decides which file that is. */
export function programTitle({ name, cwd, path }: ProgramName): string {
  const where = [...(cwd === undefined ? [] : [cwd]), ...(path === undefined ? [] : [path])];
  return [name, ...where].join(' in ');
}

/** A short description for people: its file, unless that is its name, and its content's digest. */
export function programWords({ name, file, digest }: Program): string {
  if (file === null) return 'not there';
  const content = digest === undefined ? [] : [digestWords(digest)];
  return [...(file === name ? [] : [file]), ...content].join(' ');
}

function digestWords(digest: string | null): string {
  return digest === null ? 'unreadable' : `sha256 ${shortDigest(digest)}`;
}
