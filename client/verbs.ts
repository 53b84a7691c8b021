import type { Command } from 'commander';

/** The verbs that people see, of the program or of a verb that has verbs of its own. */
export function verbsOf(command: Command): Command[] {
  return command.commands.filter(
    (each) => (each as unknown as { _hidden?: boolean })._hidden !== true,
  );
}

/** Every verb that does something, with its words: `schedule create`. */
export function allVerbs(program: Command, before: readonly string[] = []): [string, Command][] {
  return verbsOf(program).flatMap((verb) => {
    const words = [...before, verb.name()];
    return [[words.join(' '), verb] as [string, Command], ...allVerbs(verb, words)];
  });
}

/** The verb that these words are for, and where in them it stands; undefined when there is none. */
export function verbIn(
  program: Command,
  words: readonly string[],
): { verb: Command; at: number } | undefined {
  for (const [at, word] of words.entries()) {
    const verb = verbsOf(program).find((each) => each.name() === word);
    if (!verb) continue;
    const own = verbsOf(verb).find((each) => each.name() === words[at + 1]);
    return own ? { verb: own, at: at + 1 } : { verb, at };
  }
  return undefined;
}

/** A verb as it is typed, without the program: `schedule create`. */
export function wordsOf(verb: Command): string {
  const words: string[] = [];
  for (let each: Command | null = verb; each?.parent; each = each.parent)
    words.unshift(each.name());
  return words.join(' ');
}
