import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { count, examples, optionsOf } from '../options.js';
import { print, printValue } from '../output.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';

interface SetupOptions extends GlobalFlags {
  retentionDays?: number;
}

const defaultRetentionDays = 90;

export function registerSetup(program: Command, io: Io): void {
  program
    .command('setup')
    .description('prepare Temporal and PostgreSQL: search attributes, retention, record')
    .option(
      '--retention-days <days>',
      `days that Temporal keeps ended runs (default ${defaultRetentionDays})`,
      count,
    )
    .addHelpText(
      'after',
      examples('runbook setup', 'runbook setup --namespace production --retention-days 365'),
    )
    .action(async (_own: unknown, command: Command) => {
      io.exitCode = await runSetup(optionsOf<SetupOptions>(command), io);
    });
}

/** Does what is not done yet, and reports each part; idempotent. */
function runSetup(options: SetupOptions, io: Io): Promise<number> {
  return withSession(
    options,
    io,
    async (session) => {
      const { registerSearchAttributes, setRetention } = await import('../namespace.js');
      const temporal = await session.temporal();
      const added = await registerSearchAttributes(temporal);
      const retention = await setRetention(temporal, options.retentionDays ?? defaultRetentionDays);
      const pool = await session.record();
      const record = pool ? await (await import('../../store/index.js')).migrate(pool) : null;
      if (options.output === 'json' || options.output === 'jsonl') {
        printValue(io, options.output, {
          searchAttributesAdded: added,
          retentionDays: retention,
          schema: record,
        });
        return exitCodes.ok;
      }
      const { address, namespace } = temporal;
      print(
        io,
        'search attributes  ' +
          `${added.length > 0 ? `registered: ${added.join(', ')}` : 'all registered already'} ` +
          `(${namespace} at ${address})`,
      );
      const { before, after } = retention;
      const days =
        before === after ? `is ${after} days` : `was ${before} days, is now ${after} days`;
      print(io, `retention          ${days}`);
      if (record)
        print(
          io,
          record.from === record.to
            ? `record             schema ${record.to}, up to date`
            : `record             schema ${record.from} brought to ${record.to}`,
        );
      else
        print(
          io,
          'record             left out: its address is not configured. Set ' +
            'RUNBOOK_DATABASE_URL and run this again.',
        );
      return record ? exitCodes.ok : exitCodes.failed;
    },
    { mayMix: true },
  );
}
