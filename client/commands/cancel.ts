import type { Command } from 'commander';
import type { RunView } from '../../common/view.js';
import { asksForDecision, isConfirmed, reasonFor, yesOption, type Consent } from '../consent.js';
import { CliError } from '../errors.js';
import { exitCodes, hasEnded } from '../exit-codes.js';
import type { Io } from '../io.js';
import { asOption, examples, optionsOf, reasonOption, timeoutOption } from '../options.js';
import { painter, print, printValue, remark } from '../output.js';
import { withSession, type Session } from '../session.js';
import { operatorName, type GlobalFlags } from '../settings.js';

type Verb = 'cancel' | 'pause' | 'resume';

interface CancelOptions extends GlobalFlags, Consent {
  /** Default `cancel`. */
  verb?: Verb;
  run: string;
  as?: string;
  wait?: boolean;
  decisionId?: string;
  timeout?: number;
}

const defaultTimeoutMs = 10_000;
const everyMs = 300;

const words: Record<Verb, { what: string; example: string }> = {
  cancel: {
    what: 'end a run: what runs is ended first, then changes are undone',
    example: 'runbook cancel @latest --reason "wrong pipeline" --wait',
  },
  pause: {
    what: 'let a run begin nothing new; what runs goes on to its end',
    example: 'runbook pause @latest --reason "the network people need ten minutes"',
  },
  resume: {
    what: 'let a paused run go on',
    example: 'runbook resume @latest --reason "the network is back"',
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
    if (verb === 'cancel')
      command.option('--wait', 'wait until the run has ended, or needs people');
    command
      .option('--decision-id <id>', 'ask again for the verdict on a decision that was sent')
      .addOption(asOption())
      .addOption(yesOption())
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
    const { questionFor } = await import('../question-text.js');
    const { resumeCommand } = await import('../../common/run-pause.js');
    const asks = asksForDecision(io, options);
    const run = await resolveRun(session, options.run);
    const verb = options.verb ?? 'cancel';
    const view = asks ? await shownRun(session, run, options, io) : undefined;
    const reason = await reasonFor(io, options, asks);
    if (view && !(await isConfirmed(io, await questionFor(session, view, verb))))
      return exitCodes.ok;
    const decision = decisionEnvelope({
      run,
      verb,
      by: operatorName(options.as, io.env),
      reason,
      ...(options.decisionId === undefined ? {} : { id: options.decisionId }),
    });
    const verdict = await sendDecision(session, decision, options.timeout ?? defaultTimeoutMs);
    if (!verdict) {
      throw new CliError(
        'The decision was sent, and nobody has judged it yet: ' +
          'no worker answers. It is kept and will be judged.',
        `Ask again with: ${askAgain(session.command, decision)}`,
        exitCodes.timedOut,
      );
    }
    const format = options.output ?? 'text';
    // A run that is paused already, or not paused: it is as it was to be.
    const isSo = verdict.code === 'already-decided';
    if (!verdict.accepted && !isSo)
      throw new CliError(`Refused: ${verdict.message}`, '', exitCodes.denied);
    if (format === 'text') {
      print(io, isSo ? verdict.message : `Accepted: ${verdict.message}`);
      if (verb === 'pause') print(io, `Go on with: ${resumeCommand(session.command, run)}`);
    }
    if (format !== 'text' && !options.wait) printValue(io, format, verdict);
    return options.wait ? awaitEnd() : exitCodes.ok;

    async function awaitEnd(): Promise<number> {
      const { follow } = await import('../follow.js');
      const { tellNeeded } = await import('../needed.js');
      const { endText } = await import('../end-text.js');
      const { leftBy } = await import('../../common/left.js');
      const signal = io.interrupted();
      for await (const reading of follow(session, run, {
        everyMs,
        signal,
        onTrouble: (why) => why && remark(io, why),
      })) {
        const { view, needed, isUnanswered } = reading;
        if (needed && isUnanswered) return tellNeeded(session, reading, needed, options, io);
        if (!hasEnded(view.state)) continue;
        if (format === 'text') print(io, endText(view));
        else printValue(io, format, { id: view.id, state: view.state, left: leftBy(view) });
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

/** Shows the run before a person is asked about it. */
async function shownRun(
  session: Session,
  run: string,
  options: CancelOptions,
  io: Io,
): Promise<RunView> {
  const { readRunSoon } = await import('../read-run.js');
  const { renderLive } = await import('../view.js');
  const { undoLines } = await import('../view-wait.js');
  const { view, note, pending, pauses } = await readRunSoon(session, run);
  if (note) remark(io, note);
  const paint = painter(io, options.color);
  remark(
    io,
    renderLive(view, { paint, columns: io.columns, pending, pauses, command: session.command }),
  );
  if (options.verb === undefined || options.verb === 'cancel')
    for (const text of undoLines(view)) remark(io, text);
  return view;
}
