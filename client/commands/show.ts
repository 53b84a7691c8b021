import type { Command } from 'commander';
import { libraryHint, readCatalogue } from '../catalogue.js';
import { commandName } from '../command-name.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { unknownName } from '../nearest.js';
import { examples, graphOption, optionsOf } from '../options.js';
import { painter, print, printValue } from '../output.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';

interface ShowOptions extends GlobalFlags {
  runbook: string;
  /** File that the steps are drawn into. */
  graph?: string;
}

export function registerShow(program: Command, io: Io): void {
  program
    .command('show')
    .description('show a runbook: its inputs, steps, approvals, rollback')
    .argument('<runbook>', 'id of the runbook')
    .addOption(graphOption())
    .addHelpText('after', examples('runbook show pipeline-recovery'))
    .action(async (runbook: string, _own: unknown, command: Command) => {
      io.exitCode = await runShow(
        { ...optionsOf<Omit<ShowOptions, 'runbook'>>(command), runbook },
        io,
      );
    });
}

/** @throws CliError with exit code 2 for an id that no runbook has */
async function runShow(options: ShowOptions, io: Io): Promise<number> {
  const { runbooks, parts, broken } = await readCatalogue(io.env);
  const known = [...runbooks, ...parts];
  const spec = known.find(({ id }) => id === options.runbook);
  const wrong = broken.find(({ id }) => id === options.runbook);
  if (!spec && wrong) {
    const { brokenWords } = await import('../../language/broken-runbook.js');
    throw new CliError(`${brokenWords(wrong)}.`, `Correct ${wrong.file}`, exitCodes.usage);
  }
  if (!spec) {
    throw unknownName(
      [`There is no runbook ${JSON.stringify(options.runbook)}.`, libraryHint(io.env)]
        .filter(Boolean)
        .join(' '),
      { name: options.runbook, what: 'runbooks', known: known.map(({ id }) => id) },
      `${commandName(io.env)} list`,
    );
  }
  if (options.graph !== undefined) {
    const { writeGraph } = await import('../graph/write.js');
    const { id, version, title, steps } = spec;
    await writeGraph(options.graph, { id, version, title, steps });
  }
  const { drillFacts, drillWords, readDrills } = await import('../drills.js');
  const drills = await withSession(options, io, (session) => readDrills(session));
  if (options.output === 'json' || options.output === 'jsonl')
    printValue(io, options.output, { ...spec, ...drillFacts(spec, drills) });
  else {
    const drilled = drills ? drillWords(spec, drills.get(spec.id)) : 'the record cannot be asked';
    const { renderRunbook } = await import('../runbook-text.js');
    print(io, renderRunbook(spec, drilled, painter(io, options.color), io));
  }
  return exitCodes.ok;
}
