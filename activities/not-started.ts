import {
  type Stats,
  accessSync,
  closeSync,
  constants,
  openSync,
  readSync,
  statSync,
} from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { StepFailure } from './failure.js';

/*
 * Why a program was not started. The system has one code for many reasons: a working directory that
 * is missing, a script whose interpreter is missing and a program that is missing are all ENOENT.
 */

/** Transient codes: the program is being written, or the host is out of resources. */
const passing: Readonly<Record<string, string>> = {
  ETXTBSY: 'its file is being written',
  EMFILE: 'too many files are open there',
  ENFILE: 'too many files are open there',
  EAGAIN: 'there may be no more processes there',
  ENOMEM: 'there is no memory left there',
};

/** Codes of a disk that cannot be written. */
const diskWords: Readonly<Record<string, string>> = {
  ENOSPC: 'is full: no space, or no inodes, are left',
  EDQUOT: 'is full for this account: its quota is used up',
  EROFS: 'can only be read',
  EIO: 'reports faults',
  EACCES: 'may not be written by this account',
  EPERM: 'may not be written by this account',
};

interface Program {
  argv: readonly string[];
  cwd: string | null;
  /** PATH as the program gets it. */
  path: string;
}

/** @param code the system's error code @returns the failure, which says that nothing was started */
export function notStarted(code: string, program: Program): StepFailure {
  const [name = ''] = program.argv;
  if (code in passing)
    return new StepFailure(
      'CommandNotStarted',
      `${name} cannot be started on the worker now: ${passing[code]} (${code})`,
      { next: 'It is retried; if it keeps failing, check the host of the worker.' },
    );
  if (code in diskWords && code !== 'EACCES' && code !== 'EPERM') return diskFailure(code, 'there');
  if (code === 'E2BIG' || code.startsWith('ERR_')) {
    const why =
      code === 'E2BIG'
        ? 'its arguments and environment are longer than the system takes'
        : 'its arguments are such that no program can be given them';
    return new StepFailure('CommandInvalid', `${name} was not started: ${why} (${code})`, {
      next: 'Give long values by a file, and correct the input that they come from.',
    });
  }
  return new StepFailure('CommandMissing', `${name} ${why(code, name, program)}`, {
    next: 'Install it where the workers run, or correct the step.',
  });
}

/**
 * The journal of a command cannot be written, so the command was not started.
 * @param folder of the journals
 */
export function journalFailure(error: unknown, folder: string): StepFailure {
  const { code = 'unknown' } = (error ?? {}) as { code?: string };
  return diskFailure(code, folder);
}

function diskFailure(code: string, folder: string): StepFailure {
  const what = diskWords[code] ?? passing[code] ?? 'cannot be written';
  return new StepFailure(
    'CommandNotStarted',
    `nothing was started: the disk of the worker's journals (${folder}) ${what} (${code})`,
    { next: 'Make room there, or set RUNBOOK_JOURNALS; see the disk', command: 'doctor' },
  );
}

function why(code: string, name: string, { cwd, path }: Program): string {
  const place = cwd === null ? undefined : troubleOf(cwd);
  if (place) return `was not started on the worker: its working directory ${cwd} ${place}`;
  const file = fileOf(name, cwd, path);
  if (!file)
    return code === 'ENOENT'
      ? 'does not exist on the worker'
      : `cannot be found on the worker (${code})`;
  if (statOf(file)?.isDirectory()) return 'may not be run on the worker: it is a folder';
  if (code !== 'ENOENT') return `may not be run on the worker (${code})`;
  const interpreter = interpreterOf(file);
  if (interpreter?.endsWith('\r'))
    return (
      'cannot be run on the worker: its first line ends with a carriage return (CRLF), so the ' +
      `system looks for the interpreter ${JSON.stringify(interpreter)}`
    );
  return interpreter === undefined
    ? 'cannot be run on the worker: the loader that it was built for does not exist there'
    : `cannot be run on the worker: its interpreter ${interpreter} does not exist there`;
}

/** What is wrong with a folder; undefined when a program can be started in it. */
function troubleOf(folder: string): string | undefined {
  try {
    if (!statSync(folder).isDirectory()) return 'is no folder';
    accessSync(folder, constants.X_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? 'does not exist'
      : 'may not be entered';
  }
}

/** The program's file, found as the system finds it. */
function fileOf(name: string, cwd: string | null, path: string): string | undefined {
  const places = name.includes('/')
    ? [isAbsolute(name) ? name : resolve(cwd ?? '.', name)]
    : path.split(delimiter).map((folder) => join(folder, name));
  return places.find((file) => statOf(file) !== undefined);
}

/** Undefined where it cannot be looked at, for whatever reason. */
function statOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

/** The interpreter in the first line of a script; undefined when it is not a script. */
function interpreterOf(file: string): string | undefined {
  try {
    const open = openSync(file, 'r');
    try {
      const buffer = Buffer.alloc(256);
      const head = buffer.subarray(0, readSync(open, buffer, 0, buffer.length, 0)).toString();
      return /^#![ \t]*([^ \t\n]+)/.exec(head)?.[1];
    } finally {
      closeSync(open);
    }
  } catch {
    return undefined;
  }
}
