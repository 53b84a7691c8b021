import type { Command } from 'commander';
import { asksFirst, isConfirmed, yesOption, type Consent } from '../consent.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { examples, optionsOf } from '../options.js';
import { painter, print, printValue, remark } from '../output.js';
import type { Release } from '../releases.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';
import { table, type TableForm } from '../table.js';

export interface DeploymentOptions extends GlobalFlags, Consent {
  use?: string;
}

export function registerDeployment(program: Command, io: Io): void {
  program
    .command('deployment')
    .description('versions of the workers: which one gets new runs, who serves it')
    .option(
      '--use <version>',
      'give new runs to this version, for example to go back to the one before',
    )
    .addOption(yesOption())
    .addHelpText('after', examples('runbook deployment', 'runbook deployment --use 3f9a0c12be47'))
    .action(async (_own: unknown, command: Command) => {
      io.exitCode = await runDeployment(optionsOf<DeploymentOptions>(command), io);
    });
}

/**
 * Shows the versions; with `use` makes one current first.
 * @throws CliError with exit code 2 when there is no such version
 */
export function runDeployment(options: DeploymentOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const nothing = 'Nothing was changed';
    const asks = options.use !== undefined && asksFirst(io, options, nothing);
    const { deploymentOfSession, orphans, readReleases } = await import('../releases.js');
    const deployment = await deploymentOfSession(session);
    if (options.use !== undefined) {
      const state = await deployment.state();
      if (!state?.versions.has(options.use)) {
        throw new CliError(
          `No worker of version ${options.use} has ever served task queue ${deployment.taskQueue}.`,
          `See the versions with: ${session.command} deployment`,
          exitCodes.usage,
        );
      }
      const { taskQueue } = deployment;
      const question = `Give new runs of task queue ${taskQueue} to version ${options.use}?`;
      if (asks && !(await isConfirmed(io, question, nothing))) return exitCodes.ok;
      await deployment.makeCurrent(options.use, state.token);
    }
    const releases = await readReleases(deployment);
    if (options.output === 'json' || options.output === 'jsonl') {
      printValue(io, options.output, {
        taskQueue: deployment.taskQueue,
        versions: releases.map(({ runs, ...release }) => ({
          ...release,
          runs: runs.map(({ id }) => id),
        })),
      });
      return exitCodes.ok;
    }
    if (releases.length === 0) {
      remark(io, `No versioned worker has served task queue ${deployment.taskQueue} yet.`);
      return exitCodes.ok;
    }
    print(io, table(versions, releases.map(rowOf), io.columns, painter(io, options.color)));
    const left = orphans(releases);
    if (left.length > 0)
      remark(
        io,
        `${left.length} runs stand still: no worker of their ` +
          `version lives. Move them with: ${session.command} adopt`,
      );
    return exitCodes.ok;
  });
}

const versions: TableForm = {
  columns: [
    { name: 'VERSION' },
    { name: 'STATE' },
    { name: 'RUNS', align: 'right' },
    { name: 'WORKERS' },
  ],
  narrow: [
    ['WORKERS', 20],
    ['WORKERS', 'below'],
  ],
};

function rowOf({ version, state, runs, workers }: Release): string[] {
  return [version, state, String(runs.length), workers.join(', ') || 'none'];
}
