import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { BrokenRunbook } from '../language/broken-runbook.js';
import { endings, Library as DocumentLibrary } from '../language/document/library.js';
import { lintWritten } from '../language/document/lint.js';
import { inOneLine } from '../language/document/show-problems.js';
import { read } from '../language/document/read.js';
import { toSpec } from '../language/document/to-spec.js';
import { parseRunbook } from '../language/runbook-schema.js';
import type { RunbookSpec } from '../language/runbook.js';
import { FileError } from '../language/strict-file.js';
import { ConfigError } from './config.js';
import { runbookFiles, textOf } from './runbook-files.js';

/** What a folder of runbooks holds. */
export interface Library {
  /** With those that are parts. */
  runbooks: RunbookSpec[];
  /** A mistake in one takes no other away. */
  broken: BrokenRunbook[];
}

/**
 * Runbooks that are data: those of `*.runbook.yaml` in the folders and below, and each `*.json`
 * file of the folders themselves.
 * @param folders the first that has a name wins
 * @throws ConfigError when a folder cannot be read
 */
export function readLibrary(folders: readonly string[], shipped: readonly RunbookSpec[]): Library {
  const library: Library = { runbooks: [], broken: [] };
  const taken = new Set(shipped.map(({ id }) => id));
  const add = ({ id, file, read }: Candidate): void => {
    try {
      const runbook = read();
      if (taken.has(runbook.id))
        throw new FileError(`${basename(file)}: there is a runbook ${runbook.id} already`);
      taken.add(runbook.id);
      library.runbooks.push(runbook);
    } catch (error) {
      library.broken.push({ id, file, problems: problemsOf(error, basename(file)) });
    }
  };
  for (const each of [...folders.flatMap(jsonFiles), ...yamlFiles(folders)]) add(each);
  return library;
}

/** A file that should hold a runbook. */
interface Candidate {
  id: string;
  file: string;
  /** @throws FileError with every mistake */
  read: () => RunbookSpec;
}

function yamlFiles(folders: readonly string[]): Candidate[] {
  const files = runbookFiles(folders);
  const known = new DocumentLibrary(files);
  return files.all
    .filter((file) => file.endsWith(endings.runbook))
    .map((file): Candidate => {
      const id = basename(file, endings.runbook);
      const text = textOf(file);
      return { id, file, read: () => readRunbook(text, file, known) };
    });
}

/** What the engine does not do yet is a mistake here: the runbook cannot be started. */
function readRunbook(text: string | null, file: string, known: DocumentLibrary): RunbookSpec {
  const name = basename(file);
  if (text === null) throw new FileError(`${name}: cannot be read`);
  const written = read(text, name);
  const problems = written.data ? lintWritten(written, known) : written.problems;
  const wrong = problems.filter(({ severity }) => severity === 'error');
  if (wrong.length > 0) throw new FileError(wrong.map(inOneLine).join('\n'));
  if (!written.data) throw new FileError(`${name}: holds no runbook`);
  const made = toSpec(written, known);
  if ('spec' in made) return made.spec;
  throw new FileError(made.problems.map(inOneLine).join('\n'));
}

function jsonFiles(folder: string): Candidate[] {
  return filesOf(folder).map((name): Candidate => {
    const text = textOf(join(folder, name));
    return {
      id: idIn(text, name),
      file: join(folder, name),
      read: () => {
        if (text === null) throw new FileError(`${name}: cannot be read`);
        return parseRunbook(text, name);
      },
    };
  });
}

function problemsOf(error: unknown, file: string): string[] {
  const { message } = error as Error;
  return (error instanceof FileError ? message : `${file}: ${message}`).split('\n');
}

/** The id that it would have: as it says itself, else as its file is called. */
function idIn(text: string | null, file: string): string {
  try {
    const { id } = JSON.parse(text ?? '') as { id?: unknown };
    if (typeof id === 'string') return id;
  } catch {
    // Then it does not say.
  }
  return basename(file, '.json');
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .sort();
  } catch (error) {
    throw new ConfigError(
      `RUNBOOK_LIBRARY names ${folder}, which cannot be read: ${(error as Error).message}`,
    );
  }
}
