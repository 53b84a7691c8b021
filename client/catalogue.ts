import type { BrokenRunbook } from '../language/broken-runbook.js';
import type { RunbookSpec } from '../language/runbook.js';
import type { NamedFile } from '../language/step-files.js';

export interface Catalogue {
  runbooks: readonly RunbookSpec[];
  /** What stands inside of them only. */
  parts: readonly RunbookSpec[];
  broken: readonly BrokenRunbook[];
  /** Digests of the files that runbooks of the library were read from, by name. */
  sources: Readonly<Record<string, string>>;
  /** Digest of a file beside a runbook, as it is here; null when there is none. */
  digestOfFile: (file: NamedFile) => string | null;
}

/**
 * The runbooks of this release and those of RUNBOOK_LIBRARY, as a worker with the same settings
 * carries them, and the files there that cannot be used.
 * @throws ConfigError when the library's folder cannot be read
 */
export async function readCatalogue(env: NodeJS.ProcessEnv): Promise<Catalogue> {
  const { catalogue } = await import('../workflows/catalogue.js');
  const { libraryFolders } = await import('../worker/library-folders.js');
  const folders = libraryFolders(env['RUNBOOK_LIBRARY']);
  if (folders.length === 0)
    return { runbooks: catalogue, parts: [], broken: [], sources: {}, digestOfFile: () => null };
  const { digestOfFile, readLibrary } = await import('../worker/library.js');
  const library = readLibrary(folders, catalogue);
  const { runbooks, broken } = library;
  const isPart = ({ part }: RunbookSpec): boolean => part === true;
  return {
    runbooks: [...catalogue, ...runbooks.filter((each) => !isPart(each))],
    parts: runbooks.filter(isPart),
    broken,
    sources: Object.assign(
      {},
      ...[...library.folders.values()].map((each) => each.sources),
    ) as Record<string, string>,
    digestOfFile: (file) => digestOfFile(file, library),
  };
}

/** What a runbook that nobody knows may be: one in a file, where no folder is named. */
export function libraryHint(env: NodeJS.ProcessEnv): string {
  return env['RUNBOOK_LIBRARY']
    ? ''
    : 'Runbooks of your own are found in the folders of RUNBOOK_LIBRARY, which is not set.';
}

/** Whether RUNBOOK_LIBRARY names the folder itself. */
export async function isInLibrary(folder: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const { libraryFolders } = await import('../worker/library-folders.js');
  return libraryFolders(env['RUNBOOK_LIBRARY']).includes(folder);
}

/** As `readCatalogue`, without what cannot be used. */
export async function knownRunbooks(env: NodeJS.ProcessEnv): Promise<readonly RunbookSpec[]> {
  return (await readCatalogue(env)).runbooks;
}
