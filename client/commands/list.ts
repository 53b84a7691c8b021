import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { painter, print, printList, table } from '../output.js';
import type { GlobalFlags } from '../settings.js';

export function registerList(program: Command, io: Io, run = runList): void {
  program
    .command('list')
    .description('list the runbooks')
    .addHelpText('after', examples('runbook list'))
    .action(async (_own: unknown, command: Command) => {
      io.exitCode = await run(optionsOf(command), io);
    });
}

/** The catalogue that came with this release. */
export async function runList(options: GlobalFlags, io: Io): Promise<number> {
  const { catalogue } = await import('../../runbooks/index.js');
  if (options.output === 'json' || options.output === 'jsonl') {
    printList(io, options.output, catalogue);
    return exitCodes.ok;
  }
  const rows = catalogue.map((spec) => [
    spec.id,
    spec.title,
    spec.type.toLowerCase().replaceAll('_', ' '),
    spec.priority.toLowerCase(),
    `${spec.expectedMinutes} min`,
  ]);
  const columns = [
    { name: 'RUNBOOK' },
    { name: 'TITLE', shrinkTo: 16 },
    { name: 'TYPE', shrinkTo: 10 },
    { name: 'PRIORITY' },
    { name: 'TAKES' },
  ];
  print(io, table(columns, rows, io.columns, painter(io, options.color)));
  return exitCodes.ok;
}
