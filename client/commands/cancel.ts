import type { Command } from 'commander';
import { CliError } from '../errors.js';
import { exitCodes, hasEnded } from '../exit-codes.js';
import type { Io } from '../io.js';
import { asOption, examples, optionsOf, reasonOption, timeoutOption } from '../options.js';
import { print, printValue, remark } from '../output.js';
import { withSession } from '../session.js';
import { operatorName, type GlobalFlags } from '../settings.js';

type Verb = 'cancel' | 'pause' | 'resume';

interface CancelOptions extends GlobalFlags {
  /** Default `cancel`. */
  verb?: Verb;
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

const words: Record<Verb, { what: string; example: string; question: (run: string) => string }> = {
  cancel: {
    what: 'end a run: what runs is ended first, then changes are taken back',
    example: 'runbook cancel @latest --reason "wrong pipeline" --wait',
    question: (run) => `Cancel ${run}? Changes are taken back.`,
  },
  pause: {
    what: 'let a run begin nothing new; what runs goes on to its end',
    example: 'runbook pause @latest --reason "the network people need ten minutes"',
    question: (run) => `Pause ${run}?`,
  },
  resume: {
    what: 'let a paused run go on',
    example: 'runbook resume @latest --reason "the network is back"',
    question: (run) => `Let ${run} go on?`,
  },
};

export const registerCancel = register('cancel');
export const registerPause = register('pause');
export const registerResume = register('resume');

function register(verb: Verb): (program: Command, io: Io) => void {
  return (program, io) => {
    const { what, example } = words[verb];
    const command = program
      .command(verb)
      .description(what)
      .argument('<run>', 'id of the run, or @latest')
      .addOption(reasonOption());
    if (verb === 'cancel') command.option('--wait', 'wait until the run has ended');
    command
      .option('--decision-id <id>', 'ask again for the verdict on a decision that was sent')
      .addOption(asOption())
      .option('--yes', 'send without asking')
      .addOption(timeoutOption('how long to wait for the verdict (default 10s)'))
      .addHelpText('after', examples(example))
      .action(async (id: string, _own: unknown, self: Command) => {
        io.exitCode = await runCancel(
          { ...optionsOf<Omit<CancelOptions, 'run'>>(self), verb, run: id },
          io,
        );
      });
  };
}

/**
 * Cancels, pauses or resumes by the same signal as every decision, so that it is judged, answered
 * and recorded.
 */
function runCancel(options: CancelOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { askAgain, decisionEnvelope, sendDecision } = await import('../decide.js');
    const { resolveRun } = await import('../read-run.js');
    const run = await resolveRun(session, options.run);
    const verb = options.verb ?? 'cancel';
    if (!options.reason?.trim()) {
      throw new CliError(
        'A decision needs a reason; nothing was sent.',
        'Add --reason TEXT',
        exitCodes.usage,
      );
    }
    if (io.canAsk && !options.yes) {
      const { confirmed } = await import('../ask.js');
      if (!(await confirmed(io, words[verb].question(run)))) {
        remark(io, 'Nothing was sent.');
        return exitCodes.ok;
      }
    }
    const decision = decisionEnvelope({
      run,
      verb,
      by: operatorName(options.as, io.env),
      reason: options.reason,
      ...(options.decisionId === undefined ? {} : { id: options.decisionId }),
    });
    const verdict = await sendDecision(session, decision, options.timeout ?? defaultTimeoutMs);
    if (!verdict) {
      throw new CliError(
        'The decision was sent, and nobody has judged it yet: no worker answers. It is kept and will be judged.',
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
      for await (const { view } of follow(session, run, {
        everyMs,
        signal,
        onTrouble: (why) => why && remark(io, why),
      })) {
        if (!hasEnded(view.state)) continue;
        if (format === 'text') print(io, `${run} has ended: ${view.state}`);
        else printValue(io, format, { id: view.id, state: view.state });
      }
      if (signal.aborted)
        throw new CliError(
          'Interrupted; the run is still being cancelled.',
          '',
          exitCodes.interrupted,
        );
      return exitCodes.ok;
    }
  });
}
