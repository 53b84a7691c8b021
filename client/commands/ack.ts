import type { Command } from 'commander';
import { CliError } from '../errors.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { asOption, examples, optionsOf } from '../options.js';
import { print, printValue, remark } from '../output.js';
import { withSession } from '../session.js';
import { operatorName, type GlobalFlags } from '../settings.js';

interface AckOptions extends GlobalFlags {
  run: string;
  as?: string;
}

export function registerAck(program: Command, io: Io): void {
  program
    .command('ack')
    .description('say that you are at what a run waits for: reminders stop, and others see it')
    .argument('<run>', 'id of the run, or @latest')
    .addOption(asOption())
    .addHelpText('after', examples('runbook ack @latest', 'runbook ack @latest --as ada'))
    .action(async (id: string, _own: unknown, command: Command) => {
      io.exitCode = await runAck({ ...optionsOf<Omit<AckOptions, 'run'>>(command), run: id }, io);
    });
}

/** Written to the record alone: it decides nothing, and works without a worker. */
function runAck(options: AckOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { resolveRun } = await import('../read-run.js');
    const { takeCalls } = await import('../../store/index.js');
    const { noSuchRun } = await import('../unknown-run.js');
    const { statedName } = await import('../../common/sender.js');
    const { bothTimes } = await import('../../common/times.js');
    const { thisSender } = await import('../sender.js');
    const by = operatorName(options.as, io.env);
    const sender = thisSender();
    const run = await resolveRun(session, options.run);
    const calls = await takeCalls(await session.needRecord(), run, { by, sender });
    if (calls === null) throw await noSuchRun(session, run);
    const { taken, refused } = calls;
    const notTaken = refused.map(({ call, title }) => `${title} (${call})`).join(', ');
    const whyNot =
      `${by} started run ${run}, so somebody else ` +
      `has to answer, and is reminded: ${notTaken}.`;
    if (taken.length === 0 && refused.length > 0)
      throw new CliError(
        `${whyNot} Nothing was written.`,
        `Whoever may answer takes it with: ${session.command} ack ${run} --as NAME`,
        exitCodes.denied,
      );
    if (taken.length === 0)
      throw new CliError(
        `Run ${run} waits for nobody now; nothing was written.`,
        `See it with: ${session.command} status ${run}`,
        exitCodes.denied,
      );
    const { output = 'text' } = options;
    if (output !== 'text') printValue(io, output, { run, by, sender, taken, refused });
    else
      for (const { call, title, at, before } of taken)
        print(
          io,
          `${statedName(by, sender)} has it since ${bothTimes(at)}: ${title} ` +
            `(${call})${before === null ? '' : `. ${before} had it before`}`,
        );
    if (refused.length > 0) remark(io, whyNot);
    return exitCodes.ok;
  });
}
