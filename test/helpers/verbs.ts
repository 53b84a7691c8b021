import type { Command } from 'commander';
import { createProgram } from '../../client/program.js';
import { recordedIo } from '../unit/client/fake-io.js';

/** Every verb of the program by its words, `schedule create` too. */
export function allVerbs(): Map<string, Command> {
  return verbsOf(createProgram(recordedIo()));
}

function verbsOf(command: Command, before: readonly string[] = []): Map<string, Command> {
  return new Map(
    command.commands
      .filter((verb) => verb.name() !== 'complete')
      .flatMap((verb): [string, Command][] => {
        const words = [...before, verb.name()];
        const inner = verbsOf(verb, words);
        return inner.size > 0 ? [...inner] : [[words.join(' '), verb]];
      }),
  );
}
