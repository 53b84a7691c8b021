import { delimiter, resolve } from 'node:path';

/** The folders that RUNBOOK_LIBRARY names: several, separated as in PATH. */
export function libraryFolders(given: string | undefined): string[] {
  return (given ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => resolve(folder));
}
