import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import { asksPeople } from './needed.js';
import { listAllRuns } from './list-runs.js';
import { resolveRun } from './read-run.js';
import type { Session } from './session.js';

/** More waiting runs than people want to read in an error. */
const namedAtMost = 10;

/**
 * The id that the RUN argument of a decision stands for: `@latest` only while not more than one run
 * waits for people, because a decision about another run than the one meant cannot be taken back.
 * @throws CliError with exit code 2 that names the runs that wait
 */
export async function resolveRunToDecide(session: Session, run: string): Promise<string> {
  if (run !== '@latest') return run;
  const { runs } = await listAllRuns(session, { waiting: true, limit: namedAtMost });
  const waiting = runs.filter(({ waitingFor }) => waitingFor.some(asksPeople));
  if (waiting.length <= 1) return resolveRun(session, run);
  const names = waiting.map(
    ({ id, waitingFor }) =>
      `  ${id} at ${waitingFor.map((wait) => `${wait.id} (${wait.title})`).join(', ')}`,
  );
  throw new CliError(
    `More than one run waits for people; nothing was decided:\n${names.join('\n')}`,
    'Name the one you mean.',
    exitCodes.usage,
  );
}
