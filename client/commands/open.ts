import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { print, printValue, remark } from '../output.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';

interface OpenOptions extends GlobalFlags {
  run: string;
}

export function registerOpen(program: Command, io: Io): void {
  program
    .command('open')
    .description('print the link to a run in the Temporal UI')
    .argument('<run>', 'id of the run, or @latest')
    .addHelpText('after', examples('runbook open @latest'))
    .action(async (id: string, _own: unknown, command: Command) => {
      io.exitCode = await runOpen({ ...optionsOf<Omit<OpenOptions, 'run'>>(command), run: id }, io);
    });
}

/** Prints the link only: a command that starts a browser does harm on a server. */
function runOpen(options: OpenOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { readRunSoon, resolveRun } = await import('../read-run.js');
    const { linkOf } = await import('../link.js');
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
