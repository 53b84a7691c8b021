import type { Command } from 'commander';
import { createProgram } from '../../client/program.js';
import { recordedIo } from '../unit/client/fake-io.js';

/** The command line as a script writes it: with `--yes` where the verb acts. */
export function consenting(argv: readonly string[]): string[] {
  const acts = verbOf(argv).options.some(({ long }) => long === '--yes');
  return acts && !argv.includes('--yes') ? [...argv, '--yes'] : [...argv];
}

/** The verb that the words call; the program itself where there is none. */
function verbOf(argv: readonly string[]): Command {
  let found: Command = createProgram(recordedIo());
  for (const word of argv) found = found.commands.find((each) => each.name() === word) ?? found;
  return found;
}
