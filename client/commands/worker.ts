import type { Command } from 'commander';
import { explain } from '../errors.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { Session } from '../session.js';
import type { GlobalFlags } from '../settings.js';

export function registerWorker(program: Command, io: Io): void {
  program
    .command('worker')
    .description('run a worker until it is stopped; steps in flight are ended or handed on')
    .addHelpText('after', examples('runbook worker', 'runbook worker --task-queue site-b'))
    .action(async (_own: unknown, command: Command) => {
      io.exitCode = await runWorkerCommand(optionsOf(command), io);
    });
}

/**
 * The worker reads its settings from the environment, as a service does: flags and the settings of
 * `dev` are put there.
 */
async function runWorkerCommand(options: GlobalFlags, io: Io): Promise<number> {
  const session = new Session(options, io);
  try {
    const { address, namespace, taskQueue } = await session.temporal();
    await session.close();
    Object.assign(process.env, {
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      RUNBOOK_TASK_QUEUE: taskQueue,
      ...(options.profile === undefined ? {} : { TEMPORAL_PROFILE: options.profile }),
      ...(session.databaseUrl === null ? {} : { RUNBOOK_DATABASE_URL: session.databaseUrl }),
      RUNBOOK_UI_URL: session.uiUrl,
    });
    const { runWorker } = await import('../../worker/main.js');
    return await runWorker(process.env);
  } catch (error) {
    throw explain(error, session.context);
  }
}
