import type pg from 'pg';
import type { Problem } from '../common/view.js';
import { hasRunEnded, leftCommands, tellLeftCommand } from '../store/index.js';
import type { Commands } from './commands.js';
import type { Outcome } from './journal.js';

/**
 * Ends the commands of this host whose run is over in the record: nobody follows them, and nobody
 * will. Commands of a run that goes on, in whatever execution, are not touched.
 * @returns how many commands were looked after
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
      await tellLeftCommand(pool, command, whatBecameOfIt(outcome));
    }),
  );
  return left.length;
}

function whatBecameOfIt(outcome: Outcome | undefined): Problem {
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
