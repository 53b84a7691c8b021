import type { Command } from 'commander';
import { knownRunbooks } from '../catalogue.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import type { RunbookSpec } from '../../language/runbook.js';
import { drillFacts, drillWords, isDrillDue, readDrills, type Drills } from '../drills.js';
import { examples, optionsOf } from '../options.js';
import { painter, print, printList, remark, table } from '../output.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';
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
  const catalogue = await knownRunbooks(io.env);
  const drills = await withSession(options, io, (session) => readDrills(session));
  if (options.output === 'json' || options.output === 'jsonl') {
    printList(
      io,
      options.output,
      catalogue.map((spec) => ({ ...spec, ...drillFacts(spec, drills) })),
    );
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
  const columns = [
    { name: 'RUNBOOK' },
    { name: 'TITLE', shrinkTo: 12 },
    { name: 'TYPE', shrinkTo: 8 },
    { name: 'PRIORITY' },
    { name: 'TAKES' },
    { name: 'DRILLED' },
  ];
  print(io, table(columns, rows, io.columns, painter(io, options.color)));
  for (const spec of catalogue) {
    if (drills && isDrillDue(spec, drills.get(spec.id)))
      remark(io, `${spec.id} is due for a drill: ${drillWords(spec, drills.get(spec.id))}`);
  }
  return exitCodes.ok;
}

function drillCell(spec: RunbookSpec, drills: Drills): string {
  const drill = drills?.get(spec.id);
  if (drill) return age(drill.endedAt);
  return drills === null ? '?' : '';
}
