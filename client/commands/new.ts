import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { quoteArgument } from '../../common/quote-argument.js';
import { isInLibrary } from '../catalogue.js';
import { commandName } from '../command-name.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples } from '../options.js';
import { print, remark } from '../output.js';

export function registerNew(program: Command, io: Io): void {
  program
    .command('new')
    .description('write a first runbook and its test, to be changed')
    .argument('<id>', 'id of the runbook: lower-case letters, digits, - and _')
    .argument('[folder]', 'where the files are written (default: here)')
    .addHelpText('after', examples('runbook new restart-api runbooks'))
    .action(async (id: string, folder: string | undefined) => {
      io.exitCode = await runNew(id, folder ?? '.', io);
    });
}

/** Never writes over a file. */
async function runNew(id: string, folder: string, io: Io): Promise<number> {
  if (!/^[a-z][a-z0-9_-]{0,62}$/.test(id))
    throw new CliError(
      `${JSON.stringify(id)} is no id of a runbook.`,
      'Lower-case letters, digits, - and _, beginning with a letter.',
      exitCodes.usage,
    );
  const file = join(folder, `${id}.runbook.yaml`);
  const test = join(folder, `${id}.runbook.test.yaml`);
  for (const each of [file, test])
    if (existsSync(each))
      throw new CliError(`There is a file ${each} already.`, 'Choose another id.', exitCodes.usage);
  const { newRunbook, newRunbookTest } = await import('../../language/document/new-runbook.js');
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, newRunbook(id));
  writeFileSync(test, newRunbookTest(id));
  print(io, `${file}\n${test}`);
  const [command, names] = [commandName(io.env), [file, test].map(quoteArgument)];
  remark(io, `Check them with: ${command} lint ${names.join(' ')}`);
  remark(io, `Try it with: ${command} test ${names[1]}`);
  const own = resolve(folder);
  if (!(await isInLibrary(own, io.env)))
    remark(
      io,
      `To let show, plan and workers find it: export RUNBOOK_LIBRARY=${quoteArgument(own)}`,
    );
  return exitCodes.ok;
}
