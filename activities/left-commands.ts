import type pg from 'pg';
import type { Problem } from '../common/view.js';
import { hasRunEnded, leftCommands, recordLeftCommand } from '../store/index.js';
import type { Commands } from './commands.js';
import type { Outcome } from './journal.js';

/**
 * Ends orphaned commands of this host: those whose run has ended in the record, so that no worker
 * will follow them. Commands of a live run, in whichever execution, are not touched.
 * @returns how many commands were left over
 */
export async function endLeftCommands(pool: pg.Pool, commands: Commands): Promise<number> {
  const left = await leftCommands(pool, commands.place);
  await Promise.all(
    left.map(async (command) => {
      if (!(await hasRunEnded(pool, command.key))) return;
      const outcome = await commands.endAttempt({
        ...command.key,
        step: command.step,
        attempt: command.attempt,
      });
      await recordLeftCommand(pool, command, problemOf(outcome));
    }),
  );
  return left.length;
}

function problemOf(outcome: Outcome | undefined): Problem {
  if (!outcome) {
    return {
      type: 'Cancelled',
      message: 'its run was over: the command was ended, with everything that it had started',
    };
  }
  const how = outcome.signal
    ? `was ended by ${outcome.signal}`
    : `ended with exit code ${outcome.exitCode ?? 'unknown'}`;
  return {
    type: 'OutcomeUnknown',
    message: `the command ${how} when its run was over, so nobody judged what it did`,
    next: 'Look at what it did before you go on.',
  };
}
