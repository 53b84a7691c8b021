import type { Command } from 'commander';
import { yesOption } from '../consent.js';
import type { Io } from '../io.js';
import { asOption, examples, optionsOf, reasonOption, timeoutOption } from '../options.js';
import { runDecide, type DecideOptions } from './approve.js';

/** Takes targets from a run that holds them: decided, judged and recorded as at a gate. */
export function registerTakeOver(program: Command, io: Io): void {
  program
    .command('take-over')
    .description('give a waiting run the target of one that will not end')
    .argument('<run>', 'id of the run that waits, or @latest')
    .addOption(reasonOption())
    .option(
      '--digest <digest>',
      'digest of what you saw; refused when another run has the target by now',
    )
    .option('--decision-id <id>', 'ask again for the verdict on a decision that was sent')
    .addOption(asOption())
    .addOption(yesOption())
    .addOption(timeoutOption('how long to wait for the verdict (default 10s)'))
    .addHelpText(
      'after',
      examples('runbook take-over @latest --reason "the other run hangs, its operator agrees"'),
    )
    .action(async (id: string, _own: unknown, command: Command) => {
      io.exitCode = await runDecide(
        { ...optionsOf<Omit<DecideOptions, 'run' | 'verb'>>(command), verb: 'take-over', run: id },
        io,
      );
    });
}
