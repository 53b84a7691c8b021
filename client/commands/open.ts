import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { print, printValue, remark } from '../output.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';

interface OpenOptions extends GlobalFlags {
  /** Absent: all runs. */
  run?: string | undefined;
}

export function registerOpen(program: Command, io: Io): void {
  program
    .command('open')
    .description('print the link to a run in the Temporal UI, or to the list of runs')
    .argument('[run]', 'id of the run, or @latest; left out: all runs')
    .addHelpText('after', examples('runbook open @latest', 'runbook open'))
    .action(async (id: string | undefined, _own: unknown, command: Command) => {
      io.exitCode = await runOpen({ ...optionsOf<Omit<OpenOptions, 'run'>>(command), run: id }, io);
    });
}

/** Prints the link only: a command that starts a browser does harm on a server. */
function runOpen(options: OpenOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { linkOf, listLinkOf } = await import('../link.js');
    if (options.run === undefined) {
      const uiUrl = await listLinkOf(session);
      if (options.output === 'json' || options.output === 'jsonl')
        printValue(io, options.output, { uiUrl });
      else print(io, uiUrl);
      return exitCodes.ok;
    }
    const { readRunSoon, resolveRun } = await import('../read-run.js');
    const { view, runId, note } = await readRunSoon(
      session,
      await resolveRun(session, options.run),
    );
    if (note) remark(io, note);
    const url = await linkOf(session, view, runId);
    if (options.output === 'json' || options.output === 'jsonl')
      printValue(io, options.output, { id: view.id, uiUrl: url });
    else print(io, url);
    return exitCodes.ok;
  });
}
