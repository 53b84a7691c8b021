import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { print, printValue, remark } from '../output.js';
import type { GlobalFlags } from '../settings.js';

interface FmtOptions extends GlobalFlags {
  check?: boolean;
}

export function registerFmt(program: Command, io: Io): void {
  program
    .command('fmt')
    .description('put runbook files into their canonical form; comments stay')
    .argument('[files...]', 'runbooks, actions, or folders (default: RUNBOOK_LIBRARY, or runbooks)')
    .option('--check', 'change nothing; exit 1 when a file is in another form')
    .addHelpText('after', examples('runbook fmt runbooks', 'runbook fmt --check'))
    .action(async (files: string[], _own: unknown, command: Command) => {
      io.exitCode = await runFmt(files, optionsOf<FmtOptions>(command), io);
    });
}

async function runFmt(files: readonly string[], options: FmtOptions, io: Io): Promise<number> {
  const { formatFiles } = await import('../lint-files.js');
  const { changed, unread } = formatFiles(files, io.env, options.check ?? false);
  if (options.output === 'json' || options.output === 'jsonl')
    printValue(io, options.output, { changed, unread });
  else {
    for (const file of changed) print(io, file);
    if (unread.length > 0) remark(io, `Not read, see runbook lint: ${unread.join(', ')}.`);
  }
  return (options.check && changed.length > 0) || unread.length > 0
    ? exitCodes.failed
    : exitCodes.ok;
}
