import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The folders that tsconfig.json names: all that is built. */
export function sourceFolders(root) {
  return JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')).include;
}

export function stampFile(root) {
  return join(root, 'dist', '.built');
}

/**
 * Changes whenever a source does: names, sizes and times, which takes a few milliseconds where
 * contents would take many.
 */
export function sourceStamp(root) {
  const hash = createHash('sha256');
  const add = (path) => {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path}\0${size}\0${mtimeMs}\n`);
  };
  for (const folder of sourceFolders(root)) {
    const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
    for (const path of files
      .filter((each) => each.isFile() && /\.(ts|sql|yaml|json|sh)$/.test(each.name))
      .map((each) => join(each.parentPath.slice(root.length + 1), each.name))
      .sort()) {
      add(path);
    }
  }
  for (const file of ['package-lock.json', 'tsconfig.json']) add(file);
  return hash.digest('hex');
}
