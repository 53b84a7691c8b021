import type { Command } from 'commander';
import { exitCodeOf, hasEnded } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { painter, print, printValue, remark } from '../output.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';

interface StatusOptions extends GlobalFlags {
  run: string;
  strict?: boolean;
}

export function registerStatus(program: Command, io: Io): void {
  program
    .command('status')
    .description('show a run as it stands; the exit code tells its state')
    .argument('<run>', 'id of the run, or @latest')
    .option('--strict', 'success with exceptions counts as failure')
    .addHelpText(
      'after',
      examples('runbook status @latest', 'runbook status @latest --output json'),
    )
    .action(async (id: string, _own: unknown, command: Command) => {
      io.exitCode = await runStatus(
        { ...optionsOf<Omit<StatusOptions, 'run'>>(command), run: id },
        io,
      );
    });
}

function runStatus(options: StatusOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { readRunSoon, resolveRun } = await import('../read-run.js');
    const { linkOf } = await import('../link.js');
    const { readTold } = await import('../told.js');
    const { differingFiles } = await import('../differing-files.js');
    const { view, runId, note, pending, pauses, trouble } = await readRunSoon(
      session,
      await resolveRun(session, options.run),
    );
    if (note) remark(io, note);
    const uiUrl = await linkOf(session, view, runId);
    const isOver = hasEnded(view.state);
    const told = isOver ? [] : await readTold(session, view);
    const differing = isOver ? [] : await differingFiles(session, view);
    if (options.output === 'json' || options.output === 'jsonl') {
      const { leftBy } = await import('../../common/left.js');
      printValue(io, options.output, {
        ...view,
        left: leftBy(view),
        uiUrl,
        trouble,
        pausedInTemporal: pauses,
        told,
        differing,
      });
    } else {
      const { renderView } = await import('../view.js');
      print(
        io,
        renderView(view, {
          paint: painter(io, options.color),
          columns: io.columns,
          pending,
          pauses,
          command: session.command,
          told,
          differing,
          uiUrl,
          trouble,
        }),
      );
    }
    return exitCodeOf(view.state, options.strict);
  });
}
