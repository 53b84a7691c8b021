import { closeSync } from 'node:fs';
import { execa } from 'execa';
import { Journal, type Outcome } from './journal.js';
import { endTree, startOf, type Tree } from './process-tree.js';
import type { CommandEnded, StartCommand } from './supervisor-messages.js';

/*
 * The supervisor: a process of its own beside a worker, which starts the worker's commands, keeps their time limits and
 * writes down how they end. It outlives the worker that started it, until its last command has ended.
 */

let running = 0;
let workerLives = true;

// A disk that is full is no reason to die: the worker finds no outcome, and says so.
process.on('message', (message: StartCommand) => void supervise(message).catch(() => undefined));
process.on('disconnect', () => {
  workerLives = false;
  exitWhenIdle();
});
// A terminal's Ctrl-C or a service manager's stop is for the worker: commands go on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

async function supervise(request: StartCommand): Promise<void> {
  running += 1;
  try {
    const journal = new Journal(request.folder);
    if (journal.takeTicket('start')) journal.writeOutcome(await run(request, journal));
  } finally {
    running -= 1;
    if (workerLives) process.send?.({ id: request.id } satisfies CommandEnded, () => undefined);
    exitWhenIdle();
  }
}

async function run(
  { argv, env, cwd, mark, timeoutMs }: StartCommand,
  journal: Journal,
): Promise<Outcome> {
  const [program = '', ...args] = argv;
  const [stdout, stderr] = [journal.openFor('stdout'), journal.openFor('stderr')];
  const child = execa(program, args, {
    env: { ...env, RUNBOOK_CLAIM: mark },
    extendEnv: false,
    // A session of its own: no terminal, and one group to end.
    detached: true,
    stdin: 'ignore',
    // Files, never pipes: a daemon that the command leaves keeps its output without us. execa's types know 1 and 2 only.
    stdout: stdout as 1,
    stderr: stderr as 2,
    buffer: false,
    reject: false,
    cleanup: false,
    ...(cwd === null ? {} : { cwd }),
  });
  closeSync(stdout);
  closeSync(stderr);
  let timedOut = false;
  let ending: Promise<void> | undefined;
  let limit: NodeJS.Timeout | undefined;
  if (child.pid !== undefined) {
    const tree: Tree = { pid: child.pid, started: startOf(child.pid) ?? 'gone', mark };
    journal.writeProcess({
      ...tree,
      supervisor: { pid: process.pid, started: startOf(process.pid) ?? '' },
    });
    limit = setTimeout(() => {
      timedOut = true;
      ending = endTree(tree);
    }, timeoutMs);
  }
  const { exitCode, signal, code } = await child;
  clearTimeout(limit);
  await ending;
  return {
    exitCode: exitCode ?? null,
    signal: signal ?? null,
    notStarted: child.pid === undefined ? (code ?? 'unknown') : null,
    timedOut,
  };
}

function exitWhenIdle(): void {
  if (!workerLives && running === 0) process.exit(0);
}
