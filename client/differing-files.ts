import type { RunView } from '../common/view.js';
import { field } from '../language/objects.js';
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
    const { sources, files } = pool
      ? await madeFrom(pool, { run: id, firstRunId })
      : { sources: {}, files: [] };
    const { readCatalogue } = await import('./catalogue.js');
    const { sources: here, digestOfFile } = await readCatalogue(session.io.env);
    return [
      ...Object.keys(sources).filter((name) => field(here, name) !== field(sources, name)),
      ...files
        .filter((file) => digestOfFile(file) !== file.digest)
        .map(({ runbook, name }) => `${name} of ${runbook}`),
    ];
  } catch (error) {
    if (error instanceof MixedStacks) throw error;
    return [];
  }
}
