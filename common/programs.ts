import { shortDigest } from '../language/digest.js';
import type { Program, ProgramName } from '../language/plan.js';

/*
 * What was approved is what runs: how a program that is about to run is held against what the run
 * knows of it.
 */

/** The same for all that is found under the same name. */
export function programKey({ name, cwd = '', path = '' }: ProgramName): string {
  return [cwd, path, name].join('\0');
}

/** Found alike in every respect: there is nothing to tell. */
export function isSame(one: Program, other: Program): boolean {
  return one.file === other.file && one.digest === other.digest && one.system === other.system;
}

/** Does the system alone decide what it is: what it was, and also that it is there now? */
export function isSystems(known: Program, now: Program): boolean {
  return now.system === true && (known.system === true || known.file === null);
}

/**
 * May it run where `known` may? What the system brings may change with the system; all else has to
 * have the same content, or the same path where nobody can read it.
 */
export function mayRunFor(known: Program, now: Program): boolean {
  if (isSystems(known, now)) return true;
  if (known.file === null || now.file === null || known.system) return false;
  return known.digest === now.digest && (now.digest !== null || known.file === now.file);
}

/** What people know it by: its name, and whatever else decides which file that is. */
export function programTitle({ name, cwd, path }: ProgramName): string {
  const where = [...(cwd === undefined ? [] : [cwd]), ...(path === undefined ? [] : [path])];
  return [name, ...where].join(' in ');
}

/** In a few words, for people: where it is, where that is not its name, and what it holds. */
export function programWords({ name, file, digest }: Program): string {
  if (file === null) return 'not there';
  const content = digest === undefined ? [] : [digestWords(digest)];
  return [...(file === name ? [] : [file]), ...content].join(' ');
}

function digestWords(digest: string | null): string {
  return digest === null ? 'unreadable' : `sha256 ${shortDigest(digest)}`;
}
