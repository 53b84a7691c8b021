import type { RunView } from '../common/view.js';
import { libraryDigests } from '../language/library-digests.js';
import { MixedStacks } from './mixed-stacks.js';
import type { Session } from './session.js';

/**
 * The files of this machine's library that are not as they were when the run was admitted: the run
 * keeps what it began with. Empty where the record or the library cannot be read: other commands
 * say what is wrong with them.
 */
export async function differingFiles(
  session: Session,
  { id, firstRunId }: RunView,
): Promise<string[]> {
  if (!session.io.env['RUNBOOK_LIBRARY']) return [];
  try {
    const pool = await session.record();
    const { madeFrom } = await import('../store/index.js');
    const { library, files } = pool
      ? await madeFrom(pool, { run: id, firstRunId })
      : { library: {}, files: [] };
    const { readCatalogue } = await import('./catalogue.js');
    const { runbooks, parts, digestOfFile } = await readCatalogue(session.io.env);
    const here = libraryDigests([...runbooks, ...parts]);
    const differ = Object.keys(library).filter((name) => here[name] !== library[name]);
    return [
      ...differ.map((name) => `${name}.runbook.yaml`),
      ...files
        .filter((file) => digestOfFile(file) !== file.digest)
        .map(({ runbook, name }) => `${name} of ${runbook}`),
    ];
  } catch (error) {
    if (error instanceof MixedStacks) throw error;
    return [];
  }
}
