import type { Command } from 'commander';
import { CliError } from '../errors.js';
import { exitCodes, hasEnded } from '../exit-codes.js';
import type { Io } from '../io.js';
import { asOption, examples, optionsOf, reasonOption, timeoutOption } from '../options.js';
import { print, printValue, remark } from '../output.js';
import { withSession } from '../session.js';
import { operatorName, type GlobalFlags } from '../settings.js';

export interface CancelOptions extends GlobalFlags {
  run: string;
  reason?: string;
  as?: string;
  wait?: boolean;
  yes?: boolean;
  decisionId?: string;
  timeout?: number;
}

const defaultTimeoutMs = 10_000;
const everyMs = 300;

export function registerCancel(program: Command, io: Io, run = runCancel): void {
  program
    .command('cancel')
    .description('end a run: what runs is ended first, then changes are taken back')
    .argument('<run>', 'id of the run, or @latest')
    .addOption(reasonOption())
    .option('--wait', 'wait until the run has ended')
    .option('--decision-id <id>', 'ask again for the answer to a cancellation that was sent')
    .addOption(asOption())
    .option('--yes', 'send without asking')
    .addOption(timeoutOption('how long to wait for the verdict; 10s unless said'))
    .addHelpText('after', examples('runbook cancel @latest --reason "wrong pipeline" --wait'))
    .action(async (id: string, _own: unknown, command: Command) => {
      io.exitCode = await run({ ...optionsOf<Omit<CancelOptions, 'run'>>(command), run: id }, io);
    });
}

/** Cancels by the same signal as every decision, so that it is judged, answered and recorded. */
export function runCancel(options: CancelOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { askAgain, decisionEnvelope, sendDecision } = await import('../decide.js');
    const { resolveRun } = await import('../read-run.js');
    const run = await resolveRun(session, options.run);
    if (!options.reason?.trim()) {
      throw new CliError('A cancellation needs a reason; nothing was sent.', 'Add --reason TEXT', exitCodes.usage);
    }
    if (io.canAsk && !options.yes) {
      const { confirmed } = await import('../ask.js');
      if (!(await confirmed(io, `Cancel ${run}? Changes are taken back.`))) {
        remark(io, 'Nothing was sent.');
        return exitCodes.ok;
      }
    }
    const decision = decisionEnvelope({
      run,
      verb: 'cancel',
      by: operatorName(options.as, io.env),
      reason: options.reason,
      ...(options.decisionId === undefined ? {} : { id: options.decisionId }),
    });
    const verdict = await sendDecision(session, decision, options.timeout ?? defaultTimeoutMs);
    if (!verdict) {
      throw new CliError(
        'The cancellation was sent, and nobody has judged it yet: no worker answers. It is kept and will be judged.',
        `Ask again with: ${askAgain(session.command, decision)}`,
        exitCodes.timedOut,
      );
    }
    if (!verdict.accepted) throw new CliError(`Refused: ${verdict.message}`, '', exitCodes.denied);
    const format = options.output ?? 'text';
    if (format === 'text') print(io, `Accepted: ${verdict.message}`);
    else if (!options.wait) printValue(io, format, verdict);
    return options.wait ? awaitEnd() : exitCodes.ok;

    async function awaitEnd(): Promise<number> {
      const { follow } = await import('../follow.js');
      const signal = io.interrupted();
      for await (const { view } of follow(session, run, { everyMs, signal, onTrouble: (why) => why && remark(io, why) })) {
        if (!hasEnded(view.state)) continue;
        if (format === 'text') print(io, `${run} has ended: ${view.state}`);
        else printValue(io, format, { id: view.id, state: view.state });
      }
      if (signal.aborted) throw new CliError('Interrupted; the run is still being cancelled.', '', exitCodes.interrupted);
      return exitCodes.ok;
    }
  });
}
