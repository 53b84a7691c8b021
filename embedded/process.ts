import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { Account } from './account.js';
import { EmbeddedError } from './errors.js';

/** A process, told apart from a later one with the same number by when it started. */
export interface ProcessId {
  pid: number;
  started: string;
}

/** Which process has this number now. */
export function idOf(pid: number): ProcessId {
  return { pid, started: startOf(pid) ?? '' };
}

/** What the system says of when a process started; undefined when there is no such process. */
export function startOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      return (
        execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        }).trim() || undefined
      );
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name, in parentheses, may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function isAlive({ pid, started }: ProcessId): boolean {
  return startOf(pid) === started;
}

/** Ends a process that is still the one we knew: the signal first, KILL when it does not listen. */
export async function endProcess(
  id: ProcessId,
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<void> {
  if (!isAlive(id)) return;
  send(id.pid, signal);
  const killAt = Date.now() + graceMs;
  while (isAlive(id)) {
    if (Date.now() > killAt) send(id.pid, 'SIGKILL');
    await delay(25);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in between.
  }
}

/**
 * Lines kept to explain why a server ended: one that panics says more than a hundred after the
 * reason.
 */
const keptLines = 500;

/** Asks a process that we started to end, and ends it when it takes too long. */
export async function endChild(
  child: ChildProcess,
  graceMs: number,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  if (hasEnded(child)) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await exited;
  clearTimeout(killer);
}

function hasEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}

/** A server that we started. */
export class ServerProcess {
  private readonly lines: string[] = [];

  private constructor(
    readonly title: string,
    private readonly child: ChildProcess,
  ) {}

  static start(
    title: string,
    program: string,
    args: readonly string[],
    options: {
      account?: Account | undefined;
      cwd?: string;
      env?: NodeJS.ProcessEnv;
      log?: ((line: string) => void) | undefined;
    } = {},
  ): ServerProcess {
    const { account, log } = options;
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A terminal's Ctrl-C goes to us alone, and we stop our servers in order.
      detached: true,
      env: options.env ?? process.env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(account ? { uid: account.uid, gid: account.gid } : {}),
    });
    const server = new ServerProcess(title, child);
    child.on('error', (error) => server.take(error.message, log));
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => server.take(line, log));
    return server;
  }

  get id(): ProcessId {
    return idOf(this.child.pid ?? -1);
  }

  get ended(): boolean {
    return hasEnded(this.child);
  }

  /** Calls back when the process has ended, by itself or not; at once when it has already. */
  onEnd(listener: (how: string) => void): void {
    const tell = (code: number | null, signal: NodeJS.Signals | null): void =>
      listener(signal ?? `exit code ${code}`);
    if (this.ended) tell(this.child.exitCode, this.child.signalCode);
    else this.child.once('exit', tell);
  }

  /**
   * Waits until `ready` says so.
   * @throws EmbeddedError with the last lines when the process ends first or takes too long
   */
  async untilReady(ready: () => Promise<boolean>, limitMs: number): Promise<void> {
    const end = Date.now() + limitMs;
    for (;;) {
      const isReady = await ready();
      // Looked at second: whoever answers when ours has ended is somebody else's server on the same
      // port.
      if (this.ended) throw new EmbeddedError(`${this.title} did not start: ${this.tail()}`);
      if (isReady) return;
      if (Date.now() > end)
        throw new EmbeddedError(
          `${this.title} was not ready after ${limitMs / 1000} s: ${this.tail()}`,
        );
      await delay(40);
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMs = 15_000): Promise<void> {
    await endChild(this.child, graceMs, signal);
  }

  tail(): string {
    return this.lines.slice(-6).join(' | ') || 'it printed nothing';
  }

  /** Have the last lines said this? */
  said(pattern: RegExp): boolean {
    return this.lines.some((line) => pattern.test(line));
  }

  private take(line: string, log: ((line: string) => void) | undefined): void {
    this.lines.push(line);
    if (this.lines.length > keptLines) this.lines.shift();
    log?.(line);
  }
}
