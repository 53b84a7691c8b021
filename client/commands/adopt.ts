import type { Command } from 'commander';
import type { WorkflowBundle } from '../../worker/bundle.js';
import { asksFirst, isConfirmed, yesOption, type Consent } from '../consent.js';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { unknownName } from '../nearest.js';
import { examples, optionsOf } from '../options.js';
import { print, printList, remark } from '../output.js';
import type { Release } from '../releases.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';

export function registerAdopt(program: Command, io: Io): void {
  program
    .command('adopt')
    .description('move runs that no worker of their version is left for to this release')
    .argument('[run...]', 'ids of runs (default: all of them)')
    .addOption(yesOption())
    .addHelpText(
      'after',
      examples(
        'runbook adopt',
        'runbook adopt pipeline-recovery-20261121-120000-1f2e --yes --output json',
      ),
    )
    .action(async (ids: string[], _own: unknown, command: Command) => {
      io.exitCode = await runAdopt(ids, optionsOf(command), io);
    });
}

/**
 * Replays each run's history with this release's code, and moves it when it fits.
 * @param ids runs; all that stand still when empty
 * @param bundle default: this release's
 * @returns exit code 1 when one could not be moved
 * @throws CliError when no worker of this release lives, or a run that was named needs no move
 */
export function runAdopt(
  ids: readonly string[],
  options: GlobalFlags & Consent,
  io: Io,
  bundle?: WorkflowBundle,
): Promise<number> {
  return withSession(options, io, async (session) => {
    const nothing = 'Nothing was moved';
    const asks = asksFirst(io, options, nothing);
    const { deploymentOfSession, orphans, readReleases } = await import('../releases.js');
    const { code, buildId = '' } = bundle ?? (await thisRelease());
    const deployment = await deploymentOfSession(session);
    const releases = await readReleases(deployment);
    if (!releases.some(({ version, workers }) => version === buildId && workers.length > 0)) {
      throw new CliError(
        `No worker of this release (version ${buildId}) serves task queue ` +
          `${deployment.taskQueue}; nothing was moved.`,
        `Start one with: ${session.command} worker. See ` +
          `the others with: ${session.command} deployment`,
      );
    }
    const all = orphans(releases);
    const chosen =
      ids.length === 0
        ? all
        : ids.map((id) => all.find((run) => run.id === id) ?? notStranded(id, releases));
    if (chosen.length === 0) {
      if (options.output === 'json' || options.output === 'jsonl')
        printList(io, options.output, []);
      else remark(io, 'Every open run has a worker of its version.');
      return exitCodes.ok;
    }

    const current = releases.find(({ state }) => state === 'current')?.version;
    if (current !== buildId)
      remark(
        io,
        `Version ${buildId} is not the current one: at their next border these runs go to ` +
          `version ${current ?? 'none'}.`,
      );
    const names = chosen.map(({ id }) => id).join(', ');
    if (asks && !(await isConfirmed(io, `Move to version ${buildId}: ${names}?`, nothing)))
      return exitCodes.ok;
    const { adopt } = await import('../../worker/deployment/adopt.js');
    const results = [];
    for await (const { run, moved, why } of adopt(deployment, chosen, { buildId, code })) {
      results.push({
        run: run.id,
        from: run.buildId,
        to: moved ? buildId : null,
        why: why || null,
      });
      if (options.output === undefined || options.output === 'text')
        print(
          io,
          moved
            ? `${run.id}  moved from ${run.buildId} to ${buildId}`
            : `${run.id}  not moved: ${why}`,
        );
    }
    if (options.output === 'json' || options.output === 'jsonl')
      printList(io, options.output, results);
    const left = results.filter(({ to }) => to === null).length;
    if (left > 0)
      remark(
        io,
        `${left} not moved: start a worker of the release that began them, or end them ` +
          'with: temporal workflow terminate --workflow-id RUN',
      );
    return left > 0 ? exitCodes.failed : exitCodes.ok;
  });
}

/** The bundle of this release; the SDK's own remarks on a replay are not for people. */
async function thisRelease(): Promise<WorkflowBundle> {
  const [{ readBundle }, { silenceSdk }] = await Promise.all([
    import('../../worker/bundle.js'),
    import('../../worker/deployment/adopt.js'),
  ]);
  silenceSdk();
  return readBundle();
}

function notStranded(id: string, releases: readonly Release[]): never {
  const release = releases.find(({ runs }) => runs.some((run) => run.id === id));
  if (!release)
    throw unknownName(`There is no open run ${id} on this task queue.`, {
      name: id,
      what: 'open runs',
      known: releases.flatMap(({ runs }) => runs.map((run) => run.id)),
    });
  throw new CliError(
    `Run ${id} needs no move: workers of its version ${release.version} live. It comes to ` +
      'the current version by itself, at its next border.',
    '',
    exitCodes.usage,
  );
}
