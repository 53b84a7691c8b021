import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import type { RunbookFolder } from '../activities/file-beside.js';
import { digestOfBytes, findFiles, type RunbookFolders } from '../activities/planned-files.js';
import type { BrokenRunbook } from '../language/broken-runbook.js';
import { endings, Library as DocumentLibrary } from '../language/document/library.js';
import { lintWritten } from '../language/document/lint.js';
import { inOneLine } from '../language/document/show-problems.js';
import { read, type Written } from '../language/document/read.js';
import { toSpec, usedActions } from '../language/document/to-spec.js';
import type { RunbookSpec } from '../language/runbook.js';
import type { NamedFile } from '../language/step-files.js';
import { FileError } from '../language/strict-file.js';
import { ConfigError } from './config.js';
import { runbookFiles, textOf } from './runbook-files.js';

/** What a folder of runbooks holds. */
export interface Library {
  /** With those that are parts. */
  runbooks: RunbookSpec[];
  /** A mistake in one takes no other away. */
  broken: BrokenRunbook[];
  /** Where they lie, by id. */
  folders: RunbookFolders;
}

/**
 * Runbooks that are data: those of `*.runbook.yaml` in the folders and below.
 * @param folders the first that has a name wins
 * @throws ConfigError when a folder cannot be read
 */
export function readLibrary(folders: readonly string[], shipped: readonly RunbookSpec[]): Library {
  folders.forEach(mustBeReadable);
  const files = runbookFiles(folders);
  const known = new DocumentLibrary(files);
  const places = new Map<string, RunbookFolder>();
  const library: Library = { runbooks: [], broken: [], folders: places };
  const taken = new Set(shipped.map(({ id }) => id));
  for (const file of files.all.filter((each) => each.endsWith(endings.runbook))) {
    try {
      const { runbook, sources } = readRunbook(file, known);
      if (taken.has(runbook.id))
        throw new FileError(`${basename(file)}: there is a runbook ${runbook.id} already`);
      taken.add(runbook.id);
      library.runbooks.push(runbook);
      places.set(runbook.id, { ...files.folderOf(file), sources });
    } catch (error) {
      const id = basename(file, endings.runbook);
      library.broken.push({ id, file, problems: problemsOf(error, basename(file)) });
    }
  }
  return library;
}

/** Digests of a runbook's file and of the named actions that it uses, by name. */
function sourcesOf(name: string, written: Written, known: DocumentLibrary): Record<string, string> {
  const sources: Record<string, string> = {};
  const add = (file: string, { source, data }: Written): void => {
    if (Object.hasOwn(sources, file)) return;
    sources[file] = digestOfBytes(Buffer.from(source.text));
    for (const id of usedActions(data)) {
      const action = known.action(id);
      if (action) add(`${id}${endings.action}`, action);
    }
  };
  add(name, written);
  return sources;
}

/** Digest of the bytes of a file as it is now; null when it cannot be used. */
export function digestOfFile(file: NamedFile, { folders }: Library): string | null {
  const found = findFiles([file], folders);
  return 'problems' in found ? null : (found.files[0]?.digest ?? null);
}

function mustBeReadable(folder: string): void {
  try {
    readdirSync(folder);
  } catch (error) {
    throw new ConfigError(
      `RUNBOOK_LIBRARY names ${folder}, which cannot be read: ${(error as Error).message}`,
    );
  }
}

/**
 * What the engine does not do yet is a mistake here: the runbook cannot be started.
 * @throws FileError with every mistake
 */
function readRunbook(
  file: string,
  known: DocumentLibrary,
): { runbook: RunbookSpec; sources: Record<string, string> } {
  const name = basename(file);
  const text = textOf(file);
  if (text === null) throw new FileError(`${name}: cannot be read`);
  const written = read(text, name, file);
  const problems = written.data ? lintWritten(written, known) : written.problems;
  const wrong = problems.filter(({ severity }) => severity === 'error');
  if (wrong.length > 0) throw new FileError(wrong.map(inOneLine).join('\n'));
  if (!written.data) throw new FileError(`${name}: holds no runbook`);
  const made = toSpec(written, known);
  if ('spec' in made) return { runbook: made.spec, sources: sourcesOf(name, written, known) };
  throw new FileError(made.problems.map(inOneLine).join('\n'));
}

function problemsOf(error: unknown, file: string): string[] {
  const { message } = error as Error;
  return (error instanceof FileError ? message : `${file}: ${message}`).split('\n');
}
