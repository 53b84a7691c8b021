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
    .option(
      '--notify <channel>',
      'target that is told when a run needs people and nothing ' +
        'else names one; may be repeated (RUNBOOK_NOTIFY)',
      (name: string, before: string[] = []) => [...before, name],
    )
    .option(
      '--remind-every <duration>',
      'time between reminders, default 15m (RUNBOOK_REMIND_EVERY)',
    )
    .option(
      '--heartbeat-url <url>',
      "is asked each minute while all is well, for a dead man's switch (RUNBOOK_HEARTBEAT_URL)",
    )
    .addHelpText(
      'after',
      examples(
        'runbook worker',
        'runbook worker --task-queue site-b',
        'runbook worker --notify oncall --notify ops-mail --remind-every 10m',
      ),
    )
    .action(async (_own: unknown, command: Command) => {
      io.exitCode = await runWorkerCommand(optionsOf<WorkerFlags>(command), io);
    });
}

interface WorkerFlags extends GlobalFlags {
  notify?: string[];
  remindEvery?: string;
  heartbeatUrl?: string;
}

/**
 * The worker reads its settings from the environment, as a service does: flags and the settings of
 * `dev` are put there.
 */
async function runWorkerCommand(options: WorkerFlags, io: Io): Promise<number> {
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
      ...(options.notify === undefined ? {} : { RUNBOOK_NOTIFY: options.notify.join(',') }),
      ...(options.remindEvery === undefined ? {} : { RUNBOOK_REMIND_EVERY: options.remindEvery }),
      ...(options.heartbeatUrl === undefined
        ? {}
        : { RUNBOOK_HEARTBEAT_URL: options.heartbeatUrl }),
    });
    const { runWorker } = await import('../../worker/main.js');
    return await runWorker(process.env);
  } catch (error) {
    throw explain(error, session.context);
  }
}
