import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { applyFixes } from '../language/document/fix.js';
import { formatted } from '../language/document/format.js';
import { endings, Library } from '../language/document/library.js';
import { lint, lintWritten } from '../language/document/lint.js';
import { inOrder, type Problem } from '../language/document/problem.js';
import { read } from '../language/document/read.js';
import { sortOf } from '../language/document/sort.js';
import { toSpec } from '../language/document/to-spec.js';
import { libraryFolders } from '../worker/library-folders.js';
import { isFolder, libraryAround, runbookFiles, textOf } from '../worker/runbook-files.js';
import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { shellProblems } from './shell-problems.js';

/** What was found in files, and how many there were. */
export interface Linted {
  files: number;
  problems: Problem[];
  /** Files that were changed. */
  fixed: string[];
}

/** Files that are meant, and all files that they may refer to. */
export interface Chosen {
  files: string[];
  library: Library;
}

/** @throws CliError when there is none */
function chosen(given: readonly string[], env: NodeJS.ProcessEnv): Chosen {
  const own = libraryFolders(env['RUNBOOK_LIBRARY']);
  const usual = own.length > 0 ? own : ['runbooks'];
  const paths = given.length > 0 ? given : usual;
  const folders = paths.filter((path) => kindOf(path) === 'folder');
  const single = paths.filter((path) => !folders.includes(path));
  const around = single.map(libraryAround);
  const library = runbookFiles(distinct([...folders, ...around, ...own]));
  const files = distinct([...single, ...runbookFiles(folders).all]);
  if (files.length === 0)
    throw new CliError(
      `There is no runbook in ${folders.join(', ')}.`,
      'Write a first one with: runbook new ID',
      exitCodes.usage,
    );
  return { files, library: new Library(library) };
}

/**
 * The tests that are meant, and all files that they may refer to: a runbook stands for its test.
 * @throws CliError when there is none
 */
export function chosenTests(paths: readonly string[], env: NodeJS.ProcessEnv): Chosen {
  const { files, library } = chosen(paths, env);
  const tests = files.flatMap((file) => {
    if (file.endsWith(endings.test)) return [file];
    const test = file.endsWith(endings.runbook)
      ? `${file.slice(0, -endings.runbook.length)}${endings.test}`
      : '';
    if (isFolder(test) === false) return [test];
    if (!paths.includes(file)) return [];
    throw new CliError(
      `${file} has no test${test ? `: there is no file ${test}` : ''}.`,
      'A test stands beside its runbook: docs/writing-runbooks.md shows one.',
      exitCodes.usage,
    );
  });
  if (tests.length === 0)
    throw new CliError(
      'There is no test here.',
      'A test stands beside its runbook: docs/writing-runbooks.md shows one.',
      exitCodes.usage,
    );
  return { files: distinct(tests), library };
}

/** The text of a file that was named. */
export function given(file: string): string {
  const text = textOf(file);
  if (text === null) throw new CliError(`${file} cannot be read.`, '', exitCodes.usage);
  return text;
}

/**
 * Lints files and folders.
 * @param paths none: the libraries of RUNBOOK_LIBRARY, else the folder `runbooks`
 * @throws CliError when there is nothing to lint
 */
export async function lintFiles(
  paths: readonly string[],
  env: NodeJS.ProcessEnv,
  fix: boolean,
): Promise<Linted> {
  const { files, library: known } = chosen(paths, env);
  const result: Linted = { files: files.length, problems: [], fixed: [] };
  for (const file of files) {
    let text = given(file);
    let problems = await problemsIn(text, file, known);
    if (fix) {
      const mended = applyFixes(text, (each) => lint(each, file, known));
      if (mended !== text) {
        writeFileSync(file, mended);
        result.fixed.push(file);
        text = mended;
        problems = await problemsIn(text, file, known);
      }
    }
    result.problems.push(...problems);
  }
  return result;
}

/** What is wrong with a file; of a sound one, what keeps it from being started. */
async function problemsIn(text: string, file: string, library: Library): Promise<Problem[]> {
  const written = read(text, file);
  if (!written.data) return written.problems;
  const problems = inOrder([...lintWritten(written, library), ...(await shellProblems(written))]);
  const isWrong = problems.some(({ severity }) => severity === 'error');
  if (isWrong || sortOf(written.data, file) !== 'runbook') return problems;
  const made = toSpec(written, library);
  return 'spec' in made ? problems : [...problems, ...made.problems];
}

/**
 * Puts files into their canonical form.
 * @param check they are only looked at
 */
export function formatFiles(
  paths: readonly string[],
  env: NodeJS.ProcessEnv,
  check: boolean,
): { changed: string[]; unread: string[] } {
  const result = { changed: [] as string[], unread: [] as string[] };
  for (const file of chosen(paths, env).files) {
    const text = given(file);
    const better = formatted(text, file);
    if (better === null) result.unread.push(file);
    else if (better !== text) {
      result.changed.push(file);
      if (!check) writeFileSync(file, better);
    }
  }
  return result;
}

function kindOf(path: string): 'folder' | 'file' {
  const folder = isFolder(path);
  if (folder === null)
    throw new CliError(
      `There is no file or folder ${path}.`,
      'Name a runbook, or a folder with runbooks.',
      exitCodes.usage,
    );
  return folder ? 'folder' : 'file';
}

/** Each path once, however it is written. */
function distinct(paths: readonly string[]): string[] {
  return [...new Map(paths.map((path) => [resolve(path), path])).values()];
}
