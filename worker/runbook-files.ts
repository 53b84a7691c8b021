import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { readBeside, type RunbookFolder } from '../activities/file-beside.js';
import { endings, shared, type Files } from '../language/document/library.js';

/** Folders below a library, and files in it, that are looked at. */
const limits = { depth: 8, files: 20_000 };

const wanted = (name: string): boolean =>
  Object.values<string>(endings).some((ending) => name.endsWith(ending)) ||
  Object.values<string>(shared).includes(name);

/** The files of libraries. */
export interface LibraryFiles extends Files {
  /** Their paths. */
  all: readonly string[];
  /** Where the document at a path lies. */
  folderOf(path: string): RunbookFolder;
}

/**
 * The runbooks, actions, input groups and kinds in folders and in the folders below.
 * @param folders the first that has a name wins; what cannot be read is left out
 */
export function runbookFiles(folders: readonly string[]): LibraryFiles {
  const all: string[] = [];
  for (const folder of folders) collect(folder, 0, all);
  const byName = new Map<string, string[]>();
  for (const path of all) {
    const name = basename(path);
    byName.set(name, [...(byName.get(name) ?? []), path]);
  }
  const folderOf = (path: string): RunbookFolder => {
    const folder = dirname(path);
    return { folder, library: folders.find((each) => isBelow(each, path)) ?? folder };
  };
  return {
    all,
    folderOf,
    wrongBeside: (path, name) => {
      const found = readBeside(folderOf(path), name);
      return 'wrong' in found ? found.wrong : null;
    },
    paths: (name) => byName.get(name) ?? [],
    names: (ending) => [...byName.keys()].filter((name) => name.endsWith(ending)).sort(),
    text: textOf,
  };
}

function isBelow(folder: string, path: string): boolean {
  return !relative(folder, resolve(path)).startsWith('..');
}

/** The text of a file; null when it cannot be read. */
export function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function collect(folder: string, depth: number, found: string[]): void {
  if (depth > limits.depth) return;
  const entries = entriesOf(folder).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    if (entry.isDirectory()) collect(path, depth + 1, found);
    else if (wanted(entry.name) && found.length < limits.files && !found.includes(path))
      found.push(path);
  }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/**
 * The library that a file belongs to: the nearest folder around it with `kinds.yaml`,
 * `input-groups.yaml` or `actions`, else its own.
 */
export function libraryAround(file: string): string {
  const own = dirname(file);
  for (let folder = resolve(own), up = own; ; folder = dirname(folder), up = join(up, '..')) {
    const marks = [...Object.values(shared), 'actions'].map((name) => join(folder, name));
    if (marks.some((mark) => existsSync(mark))) return up;
    if (dirname(folder) === folder) return own;
  }
}

/** Whether the path is a folder; null when there is nothing. */
export function isFolder(path: string): boolean | null {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? null;
}
