import { CliError } from './errors.js';
import type { RunSummary } from '../common/view.js';
import { exitCodes, hasEnded } from './exit-codes.js';
import { asksPeople } from './needed.js';
import { listAllRuns } from './list-runs.js';
import { readRunSoon, resolveRun } from './read-run.js';
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
  if (waiting.length <= 1) {
    const newest = await resolveRun(session, run);
    const [other] = waiting;
    if (other && other.id !== newest) await refuseEnded(session, newest, other);
    return newest;
  }
  const names = waiting.map((each) => `  ${waitsAt(each)}`);
  throw new CliError(
    `More than one run waits for people; nothing was decided:\n${names.join('\n')}`,
    'Name the one you mean.',
    exitCodes.usage,
  );
}

function waitsAt({ id, waitingFor }: RunSummary): string {
  return `${id} at ${waitingFor.map((wait) => `${wait.id} (${wait.title})`).join(', ')}`;
}

/** @throws CliError with exit code 2 where the newest run has ended; it names the one that waits */
async function refuseEnded(session: Session, newest: string, other: RunSummary): Promise<void> {
  const { view } = await readRunSoon(session, newest);
  if (!hasEnded(view.state)) return;
  throw new CliError(
    `The newest run, ${newest}, has ended (${view.state}); ` +
      `nothing was decided. Another one waits:\n  ${waitsAt(other)}`,
    `If you mean that one, name it: ${other.id}`,
    exitCodes.usage,
  );
}
