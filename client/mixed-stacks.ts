import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';

/** Temporal belongs to one stack, and the record to another: no command uses both. */
export class MixedStacks extends CliError {
  constructor(how: string, next: string) {
    super(`Two stacks are mixed: ${how}. Nothing was done.`, next, exitCodes.usage);
  }
}
