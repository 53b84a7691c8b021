import { Argument, type Command } from 'commander';
import type { Published } from '../../language/document/schema/json-schema.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { print } from '../output.js';
import { examples } from '../options.js';

const documents: readonly Published[] = ['runbook', 'action', 'test'];

export function registerSchema(program: Command, io: Io): void {
  program
    .command('schema')
    .description('print the JSON Schema that editors complete and check runbook files with')
    .addArgument(
      new Argument('[document]', 'what is written').choices(documents).default('runbook'),
    )
    .addHelpText('after', examples('runbook schema > runbook.schema.json'))
    .action(async (what: Published) => {
      const { schemaText } = await import('../../language/document/schema/json-schema.js');
      print(io, schemaText(what));
      io.exitCode = exitCodes.ok;
    });
}
