import { join } from 'node:path';
import type { Command } from 'commander';
import { defaultTaskQueue } from '../../common/defaults.js';
import { projectRoot } from '../../embedded/home.js';
import { commandName } from '../command-name.js';
import { explain } from '../errors.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { taskQueue, type GlobalFlags } from '../settings.js';

export function registerDev(program: Command, io: Io): void {
  program
    .command('dev')
    .description('Temporal, its UI, PostgreSQL and a worker in one terminal')
    .option(
      '--backup-to <folder>',
      'keep a backup of the record there, with each change at once (RUNBOOK_BACKUP)',
    )
    .option('--example <name>', 'start a system to try runbooks on, too')
    .option(
      '--restore-from <folder>',
      'begin with the record from such a backup; only where there is none yet',
    )
    .addHelpText(
      'after',
      examples(
        'runbook dev',
        'RUNBOOK_HOME=./second runbook dev',
        'runbook dev --backup-to /mnt/vault/runbook',
        'runbook dev --restore-from /mnt/vault/runbook --backup-to /mnt/vault/runbook',
      ),
    )
    .action(async (_own: unknown, command: Command) => {
      io.exitCode = await runDevCommand(optionsOf(command), io);
    });
}

interface DevFlags {
  backupTo?: string;
  restoreFrom?: string;
  example?: string;
}

/** Runs until Ctrl-C; the data are kept. */
async function runDevCommand(options: DevFlags & GlobalFlags, io: Io): Promise<number> {
  const command = commandName(io.env);
  try {
    const { runDev } = await import('../../embedded/dev.js');
    const { libraryFolders } = await import('../../worker/library-folders.js');
    return await runDev({
      workerEntry: join(projectRoot, 'dist', 'worker', 'main.js'),
      backupTo: options.backupTo ?? (io.env['RUNBOOK_BACKUP'] || undefined),
      restoreFrom: options.restoreFrom,
      example: options.example,
      taskQueue: taskQueue(options, io.env) ?? defaultTaskQueue,
      library: libraryFolders(io.env['RUNBOOK_LIBRARY']),
      stdout: io.stdout,
      stderr: io.stderr,
      env: { ...io.env, RUNBOOK_COMMAND: command },
      command,
    });
  } catch (error) {
    throw explain(error, { command });
  }
}
