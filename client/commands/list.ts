import type { Command } from 'commander';
import type { BrokenRunbook } from '../../language/broken-runbook.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import type { RunbookSpec } from '../../language/runbook.js';
import type { Drills } from '../drills.js';
import { examples, optionsOf } from '../options.js';
import { painter, print, printList, remark } from '../output.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';
import { table, type TableForm } from '../table.js';
import { age } from '../times.js';

export function registerList(program: Command, io: Io): void {
  program
    .command('list')
    .description('list the runbooks')
    .addHelpText('after', examples('runbook list'))
    .action(async (_own: unknown, command: Command) => {
      io.exitCode = await runList(optionsOf(command), io);
    });
}

/** What came with this release, and the library of this machine. */
async function runList(options: GlobalFlags, io: Io): Promise<number> {
  const { readCatalogue } = await import('../catalogue.js');
  const { drillFacts, drillWords, isDrillDue, readDrills } = await import('../drills.js');
  const { runbooks: catalogue, broken } = await readCatalogue(io.env);
  const { drills, isAsked } = await withSession(options, io, async (session) => ({
    drills: await readDrills(session),
    isAsked: session.databaseUrl !== null,
  }));
  if (options.output === 'json' || options.output === 'jsonl') {
    printList(
      io,
      options.output,
      catalogue.map((spec) => ({ ...spec, ...drillFacts(spec, drills) })),
    );
    await refuseBroken(broken);
    return exitCodes.ok;
  }
  const rows = catalogue.map((spec) => [
    spec.id,
    spec.title,
    spec.type.toLowerCase().replaceAll('_', ' '),
    spec.priority.toLowerCase(),
    `${spec.expectedMinutes} min`,
    drillCell(spec, drills),
  ]);
  print(io, table(runbooks, rows, io.columns, painter(io, options.color)));
  if (drills === null && isAsked)
    remark(io, 'When each was last drilled is not shown: the record does not answer.');
  for (const spec of catalogue) {
    if (drills && isDrillDue(spec, drills.get(spec.id)))
      remark(
        io,
        `${spec.id} is due for a drill. The last one: ${drillWords(spec, drills.get(spec.id))}`,
      );
  }
  await refuseBroken(broken);
  return exitCodes.ok;
}

/** @throws CliError with exit code 1 that names the files which are not in the list */
async function refuseBroken(broken: readonly BrokenRunbook[]): Promise<void> {
  if (broken.length === 0) return;
  const { brokenWords } = await import('../../language/broken-runbook.js');
  throw new CliError(
    'These files of the library cannot be used, and are not in the ' +
      `list:\n${broken.map((each) => `  ${brokenWords(each)}`).join('\n')}`,
    'Correct these files.',
  );
}

const runbooks: TableForm = {
  columns: [
    { name: 'RUNBOOK' },
    { name: 'TITLE' },
    { name: 'TYPE' },
    { name: 'PRIORITY' },
    { name: 'TAKES' },
    { name: 'DRILLED' },
  ],
  narrow: [
    ['TITLE', 24],
    ['TYPE', 'below'],
    ['PRIORITY', 'below'],
    ['DRILLED', 'below'],
    ['TAKES', 'below'],
    ['TITLE', 'below'],
  ],
};

function drillCell(spec: RunbookSpec, drills: Drills): string {
  const drill = drills?.get(spec.id);
  return drill ? age(drill.endedAt) : '';
}
