import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { afterMs } from './long-timer.js';
import { Journal, type Outcome } from './journal.js';
import { endTree, startOf, type Tree } from './process-tree.js';
import type { CommandEnded, StartCommand } from './supervisor-messages.js';

/*
 * The supervisor: a process of its own beside a worker, which starts the worker's commands,
 * enforces their time limits and records how they end. It outlives the worker that started it,
 * until its last command has ended.
 */

let running = 0;
let workerLives = true;

// A full disk must not end the supervisor: the worker gets the outcome by message, or finds that
// nothing was started.
process.on('message', (message: StartCommand) => void supervise(message).catch(() => undefined));
process.on('disconnect', () => {
  workerLives = false;
  exitWhenIdle();
});
// A terminal's Ctrl-C or a service manager's stop is for the worker: commands go on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

async function supervise(request: StartCommand): Promise<void> {
  running += 1;
  const ended: CommandEnded = { id: request.id };
  try {
    const journal = new Journal(request.folder);
    const mayStart = prepare(journal);
    if (typeof mayStart !== 'boolean') ended.outcome = neverStarted(mayStart.refused);
    else if (mayStart) {
      const outcome = await run(request, journal);
      ended.outcome = outcome;
      journal.writeOutcome(outcome);
      delete ended.outcome;
    }
  } finally {
    running -= 1;
    if (workerLives) process.send?.(ended, () => undefined);
    exitWhenIdle();
  }
}

/**
 * Reserves room for the outcome, then takes the ticket.
 * @returns whether the command may be started, or the system's error code when the disk refused
 */
function prepare(journal: Journal): boolean | { refused: string } {
  try {
    journal.reserve();
    return journal.takeTicket('start');
  } catch (error) {
    journal.discard();
    return { refused: (error as NodeJS.ErrnoException).code ?? 'unknown' };
  }
}

function neverStarted(code: string): Outcome {
  return { exitCode: null, signal: null, notStarted: code, timedOut: false };
}

interface Ended {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** Why it was not started; null when it was. */
  code: string | null;
}

/** Starts the command. @returns the system's error code when it refused */
function start(
  { argv, env, cwd, mark }: StartCommand,
  journal: Journal,
): ReturnType<typeof spawned> | { refused: string } {
  const files: number[] = [];
  try {
    for (const stream of ['stdout', 'stderr'] as const) files.push(journal.openFor(stream));
    return spawned(argv, { ...env, RUNBOOK_CLAIM: mark }, cwd, files);
  } catch (error) {
    return { refused: (error as NodeJS.ErrnoException).code ?? 'unknown' };
  } finally {
    for (const file of files) closeSync(file);
  }
}

/**
 * The program, with its end as a promise. Not by execa: if no file can be opened, it leaves an
 * error without a listener, which would end the supervisor and orphan all other commands.
 */
function spawned(
  argv: readonly string[],
  env: Record<string, string>,
  cwd: string | null,
  [stdout, stderr]: readonly number[],
): { pid: number | undefined; ended: Promise<Ended> } {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    env,
    // A session of its own: no terminal, and one group to end.
    detached: true,
    // Files, never pipes: a daemon that the command leaves behind can still write its output.
    stdio: ['ignore', stdout, stderr],
    ...(cwd === null ? {} : { cwd }),
  });
  const ended = new Promise<Ended>((done) => {
    child.on('exit', (exitCode, signal) => done({ exitCode, signal, code: null }));
    child.on('error', ({ code = 'unknown' }: NodeJS.ErrnoException) =>
      done({ exitCode: null, signal: null, code }),
    );
  });
  return { pid: child.pid, ended };
}

async function run(request: StartCommand, journal: Journal): Promise<Outcome> {
  const { mark, timeoutMs } = request;
  const child = start(request, journal);
  if ('refused' in child) return neverStarted(child.refused);
  let timedOut = false;
  let ending: Promise<void> | undefined;
  let stopLimit: (() => void) | undefined;
  if (child.pid !== undefined) {
    const tree: Tree = { pid: child.pid, started: startOf(child.pid) ?? 'gone', mark };
    journal.writeProcess({
      ...tree,
      supervisor: { pid: process.pid, started: startOf(process.pid) ?? '' },
    });
    stopLimit = afterMs(timeoutMs, () => {
      timedOut = true;
      ending = endTree(tree);
    });
  }
  const { exitCode, signal, code } = await child.ended;
  stopLimit?.();
  await ending;
  return {
    exitCode,
    signal,
    notStarted: child.pid === undefined ? (code ?? 'unknown') : null,
    timedOut,
    ...(journal.isFull ? { full: true as const } : {}),
  };
}

function exitWhenIdle(): void {
  if (!workerLives && running === 0) process.exit(0);
}
