import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Library, type Files } from '../../../../language/document/library.js';

/*
 * The runbooks that the language was designed against, with the actions, kinds and input groups
 * that they use. What a runbook refers to and is not written out is a stub there.
 */

export const folder = join(import.meta.dirname, 'examples');

/** Every file of the examples, by its path below the folder. */
export const examples: ReadonlyMap<string, string> = new Map(
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
);

const files: Files = {
  paths: (name) => [...examples.keys()].filter((path) => basename(path) === name),
  names: (ending) =>
    [...examples.keys()].map((path) => basename(path)).filter((name) => name.endsWith(ending)),
  text: (path) => examples.get(path) ?? null,
};

/** All of them, as a library. */
export const library = (): Library => new Library(files);
