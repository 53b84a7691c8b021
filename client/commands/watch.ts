import type { Command } from 'commander';
import { CliError } from '../errors.js';
import { exitCodeOf, exitCodes, hasEnded } from '../exit-codes.js';
import type { Frame } from '../fit.js';
import type { Followed } from '../follow.js';
import { columnsOf, type Io } from '../io.js';
import type { Needed } from '../needed.js';
import { examples, optionsOf, timeoutOption } from '../options.js';
import { painter, print, printValue, remark } from '../output.js';
import type { RunReading } from '../read-run.js';
import { withSession, type Session } from '../session.js';
import type { GlobalFlags } from '../settings.js';

export interface WatchOptions extends GlobalFlags {
  run: string;
  timeout?: number;
  strict?: boolean;
}

/** Milliseconds between two polls: a person sees a change within half a second. */
const everyMs = 300;

export function registerWatch(program: Command, io: Io): void {
  program
    .command('watch')
    .description('follow a run until it ends, or needs people where nobody looks')
    .argument('<run>', 'id of the run, or @latest')
    .addOption(timeoutOption('how long (default: until it ends)'))
    .option('--strict', 'success with exceptions counts as failure')
    .addHelpText(
      'after',
      examples('runbook watch @latest', 'runbook watch @latest --output jsonl --timeout 10m'),
    )
    .action(async (id: string, _own: unknown, command: Command) => {
      io.exitCode = await runWatch(
        { ...optionsOf<Omit<WatchOptions, 'run'>>(command), run: id },
        io,
      );
    });
}

function runWatch(options: WatchOptions, io: Io): Promise<number> {
  return withSession(options, io, (session) => watchRun(session, options, io));
}

/** Follows a run: redrawn in place on a terminal, one line for each change elsewhere. */
export async function watchRun(session: Session, options: WatchOptions, io: Io): Promise<number> {
  const { follow } = await import('../follow.js');
  const { resolveRun } = await import('../read-run.js');
  const run = await resolveRun(session, options.run);
  const signal = io.interrupted();
  const until = options.timeout === undefined ? undefined : Date.now() + options.timeout;
  const live = io.isTTY && (options.output ?? 'text') === 'text';
  const show = live ? await picture(session, options, io) : await lines(session, options, io);
  let last: Followed | undefined;
  for await (const reading of follow(session, run, {
    everyMs,
    until,
    signal,
    onTrouble: (why) => show.trouble(why),
  })) {
    last = reading;
    await show.reading(reading);
    // Somebody looks at a terminal; elsewhere nothing more would be said.
    if (!live && reading.needed && reading.isUnanswered) return left(reading.needed);
  }
  if (last && hasEnded(last.view.state)) {
    if (options.output === 'json') printValue(io, 'json', last.view);
    return exitCodeOf(last.view.state, options.strict);
  }
  const go = `Watch it again with: ${session.command} watch ${run}`;
  if (signal.aborted)
    throw new CliError('No longer watching; the run goes on.', go, exitCodes.interrupted);
  if (!live && last?.needed) return left(last.needed);
  throw new CliError(
    `Run ${run} is ${last?.view.state ?? 'not admitted yet'}; time is up, and the run goes on.`,
    go,
    exitCodes.timedOut,
  );

  /** What it needs stands in the lines that were printed. */
  async function left({ isPaused }: Needed): Promise<number> {
    const { needsPeople } = await import('../needed.js');
    const { pausedText, resumeCommand } = await import('../../common/run-pause.js');
    if (options.output === 'json') printValue(io, 'json', last?.view);
    if (isPaused && last)
      remark(io, `${pausedText(last.view)}. Go on with: ${resumeCommand(session.command, run)}`);
    remark(io, needsPeople(run, session.command));
    return exitCodes.waiting;
  }
}

interface Show {
  reading(reading: RunReading): void | Promise<void>;
  trouble(why: string | null): void;
}

/** The whole run, drawn again in place. */
async function picture(session: Session, options: WatchOptions, io: Io): Promise<Show> {
  const { Screen } = await import('../screen.js');
  const { liveFrame, renderView } = await import('../view.js');
  const { linkOf } = await import('../link.js');
  const screen = new Screen(io);
  const paint = painter(io, options.color);
  let why: string | null = null;
  let frame: Frame = { head: '', body: '', foot: [] };
  let id = options.run;
  const leftOut = (lines: number): string => {
    const count = lines === 1 ? '1 line is' : `${lines} lines are`;
    return paint('dim', `… ${count} left out; all of it: ${session.command} status ${id}`);
  };
  const draw = (): void => {
    const trouble = why ? [paint('yellow', why)] : [];
    screen.draw({ ...frame, foot: [...frame.foot, ...trouble] }, leftOut);
  };
  return {
    async reading({ view, runId, pending, pauses }) {
      const columns = columnsOf(io);
      if (hasEnded(view.state)) {
        screen.finish(
          renderView(view, { paint, columns, uiUrl: await linkOf(session, view, runId) }),
        );
        return;
      }
      id = view.id;
      frame = liveFrame(view, { paint, columns, pending, pauses, command: session.command });
      draw();
    },
    trouble(reason) {
      why = reason;
      draw();
    },
  };
}

/**
 * A line for each change; none is left out, also of those between two polls.
 */
async function lines(session: Session, options: WatchOptions, io: Io): Promise<Show> {
  const { changesOf, changeLine } = await import('../changes.js');
  const { renderWait } = await import('../view-wait.js');
  const printed = new Set<string>();
  const { command } = session;
  const paint = painter(io, options.color);
  return {
    reading({ view, pending, pauses }) {
      for (const change of changesOf(view, pending, pauses)) {
        if (printed.has(change.key)) continue;
        printed.add(change.key);
        if (options.output === 'json') continue;
        if (options.output === 'jsonl') {
          const { key: _key, ...rest } = change;
          printValue(io, 'jsonl', { run: view.id, ...rest });
          continue;
        }
        print(io, changeLine(change));
        const wait =
          change.kind === 'wait'
            ? view.waitingFor.find((each) => each.id === change.step)
            : undefined;
        if (wait) print(io, renderWait(view.id, wait, { paint, columns: io.columns, command }));
      }
    },
    trouble: (why) => remark(io, why ?? 'Answered again.'),
  };
}
