import { Option, type Command } from 'commander';
import { CliError } from '../errors.js';
import { exitCodeOf, exitCodes, hasEnded } from '../exit-codes.js';
import type { Followed } from '../follow.js';
import type { Io } from '../io.js';
import { examples, optionsOf, timeoutOption } from '../options.js';
import { print, printValue, remark } from '../output.js';
import { withSession } from '../session.js';
import type { GlobalFlags } from '../settings.js';

interface WaitOptions extends GlobalFlags {
  run: string;
  for: 'decision' | 'done';
  timeout?: number;
  strict?: boolean;
}

const everyMs = 200;

export function registerWait(program: Command, io: Io, run = runWait): void {
  program
    .command('wait')
    .description('wait until a run is done, or needs people')
    .argument('<run>', 'id of the run, or @latest')
    .addOption(
      new Option('--for <what>', 'what to wait for').choices(['decision', 'done']).default('done'),
    )
    .addOption(timeoutOption('how long (default: for ever)'))
    .option('--strict', 'success with exceptions counts as failure')
    .addHelpText(
      'after',
      examples(
        'runbook wait @latest --for decision --timeout 30s',
        'runbook wait @latest --for done',
      ),
    )
    .action(async (id: string, _own: unknown, command: Command) => {
      io.exitCode = await run({ ...optionsOf<Omit<WaitOptions, 'run'>>(command), run: id }, io);
    });
}

/**
 * `--for decision`: 0 as soon as the run asks people. `--for done`: the code of how it ended. Both:
 * 8 when it needs people otherwise, 6 when time is up.
 */
function runWait(options: WaitOptions, io: Io): Promise<number> {
  return withSession(options, io, async (session) => {
    const { follow } = await import('../follow.js');
    const { tellNeeded } = await import('../needed.js');
    const { endText } = await import('../end-text.js');
    const { resolveRun } = await import('../read-run.js');
    const run = await resolveRun(session, options.run);
    const signal = io.interrupted();
    const until = options.timeout === undefined ? undefined : Date.now() + options.timeout;
    let last: Followed | undefined;
    for await (const reading of follow(session, run, {
      everyMs,
      until,
      signal,
      onTrouble: (why) => why && remark(io, why),
    })) {
      last = reading;
      const { view, needed, isUnanswered } = reading;
      const asking = needed?.waits ?? [];
      const waiting = options.for === 'decision' && asking.length > 0;
      if (needed && isUnanswered && !waiting)
        return tellNeeded(session, reading, needed, options, io);
      if (!waiting && !hasEnded(view.state)) continue;
      const { output = 'text' } = options;
      if (output !== 'text')
        printValue(io, output, { id: view.id, state: view.state, waitingFor: view.waitingFor });
      if (waiting) {
        if (output === 'text')
          for (const wait of asking)
            print(io, `${view.id} waits for ${wait.who}: ${wait.title}\n  ${wait.command}`);
        return exitCodes.ok;
      }
      if (output === 'text') print(io, endText(view));
      // A caller that waits for a decision must not mistake an end for one.
      return (
        exitCodeOf(view.state, options.strict) ||
        (options.for === 'decision' ? exitCodes.failed : exitCodes.ok)
      );
    }
    if (signal.aborted)
      throw new CliError('Interrupted; the run goes on.', '', exitCodes.interrupted);
    if (last?.needed) return tellNeeded(session, last, last.needed, options, io);
    throw new CliError(
      `Run ${run} is ${last?.view.state ?? 'not admitted yet'}; time is up, and the run goes on.`,
      `Go on waiting with: ${session.command} wait ${run} --for ${options.for}`,
      exitCodes.timedOut,
    );
  });
}
