import { Argument, type Command } from 'commander';
import type { Suggestion } from '../completion.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples } from '../options.js';
import { line } from '../output.js';
import { databaseUrl } from '../settings.js';

const shells = ['bash', 'zsh', 'fish'] as const;

/** Runs offered at most, and milliseconds to find them: a person waits for the key. */
const offered = 20;
const patienceMs = 600;

export function registerCompletion(program: Command, io: Io): void {
  program
    .command('completion')
    .description('print the script that completes commands in your shell')
    .addArgument(new Argument('<shell>', 'your shell').choices(shells))
    .addHelpText(
      'after',
      examples('source <(runbook completion bash)', 'runbook completion zsh > ~/.zfunc/_runbook'),
    )
    .action(async (shell: string) => {
      const { completionScript } = await import('../completion.js');
      io.stdout.write(completionScript(shell));
      io.exitCode = exitCodes.ok;
    });
  // The script calls this for each completion; it is not for people.
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .helpOption(false)
    .action(async (words: string[]) => {
      const { suggest } = await import('../completion.js');
      const choices = { runs: () => recentRuns(io), runbooks: () => runbooks(io) };
      for (const { value, description } of await suggest(program, words, choices))
        io.stdout.write(`${line(value)}\t${line(description)}\n`);
      io.exitCode = exitCodes.ok;
    });
}

/** Ids of the newest runs; none when the record is away or slow. */
async function recentRuns(io: Io): Promise<Suggestion[]> {
  const url = databaseUrl(io.env);
  if (url === null) return [];
  const { listRuns, openPool } = await import('../../store/index.js');
  try {
    const pool = openPool(url, { applicationName: 'runbook completion', max: 1 });
    const late = new Promise<never>((_done, failed) =>
      setTimeout(() => failed(new Error('too late')), patienceMs).unref(),
    );
    const runs = await Promise.race([listRuns(pool, { limit: offered }), late]);
    return runs.map((run) => ({ value: run.id, description: '' }));
  } catch {
    return [];
  }
}

/** None of a library that cannot be read: other commands report what is wrong with it. */
async function runbooks(io: Io): Promise<Suggestion[]> {
  const { knownRunbooks } = await import('../catalogue.js');
  const known = await knownRunbooks(io.env).catch(() => knownRunbooks({}));
  return known.map(({ id, title }) => ({ value: id, description: title }));
}
