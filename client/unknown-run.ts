import type { CliError } from './errors.js';
import { MixedStacks } from './mixed-stacks.js';
import { didYouMean, unknownName } from './nearest.js';
import type { Session } from './session.js';

/** Runs that may have been meant. */
const lookedAt = 200;

/** The error for the id of a run that there is not, with the run that was meant. */
export async function noSuchRun(session: Session, run: string): Promise<CliError> {
  const { listAllRuns } = await import('./list-runs.js');
  // The run may be one of another stack, whose record this is not.
  const asked = session.temporal().then(() => listAllRuns(session, { limit: lookedAt }));
  const known = await asked.then(
    ({ runs }) => runs.map(({ id }) => id),
    (error: unknown): string[] => {
      // A list that cannot be had must not hide the error; a wrong configuration explains it.
      if (error instanceof MixedStacks) throw error;
      return [];
    },
  );
  // A name for the newest run may have been meant, which is no run to list.
  const named = didYouMean({ name: run, known: ['@latest'] }) ? ['@latest'] : [];
  return unknownName(
    `There is no run ${JSON.stringify(run)}.`,
    { name: run, what: 'runs', known: [...named, ...known] },
    `${session.command} runs`,
  );
}
