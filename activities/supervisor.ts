import { fork, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Outcome } from './journal.js';
import type { CommandEnded, StartCommand } from './supervisor-messages.js';

const here = import.meta.dirname;
/** The compiled program, also for code that runs from its sources (tests). */
const program = [
  resolve(here, 'supervisor-main.js'),
  resolve(here, '../dist/activities/supervisor-main.js'),
].find((path) => existsSync(path));

/** This worker's supervisor, started with the first command and restarted if it dies. */
export class Supervisor {
  private child: ChildProcess | undefined;
  private readonly waiting = new Map<number, (outcome?: Outcome) => void>();
  private count = 0;

  /** @param journals folder of the journals; names the process in process lists */
  constructor(private readonly journals: string) {}

  /**
   * Has a command started. The promise settles when the supervisor reports the end of the command,
   * has died or could not be started. The outcome is in the journal; it is returned only when the
   * journal could not be written.
   */
  start(request: Omit<StartCommand, 'id'>): Promise<Outcome | undefined> {
    const child = this.living();
    if (!child) return Promise.resolve(undefined);
    const id = (this.count += 1);
    return new Promise((done) => {
      this.waiting.set(id, done);
      child.send({ ...request, id } satisfies StartCommand, (error) => error && this.finish(id));
    });
  }

  /** Disconnects from the supervisor; it ends after its last command. */
  close(): void {
    if (this.child?.connected) this.child.disconnect();
    this.child = undefined;
  }

  /** Undefined when the host has no memory, process or file left for one. */
  private living(): ChildProcess | undefined {
    try {
      this.child ??= this.fork();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall?.startsWith('spawn') !== true) throw error;
      return undefined;
    }
    // When no file can be opened there is no channel; the error event says why.
    return this.child.channel ? this.child : undefined;
  }

  private fork(): ChildProcess {
    if (!program) throw new Error('the supervisor is not built: npm run build');
    const child = fork(program, [this.journals], {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: [],
      // Keeps secrets of the worker's environment from the supervisor.
      env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' },
      serialization: 'advanced',
    });
    child.unref();
    child.channel?.unref();
    child.on('message', ({ id, outcome }: CommandEnded) => this.finish(id, outcome));
    const gone = (): void => {
      if (this.child === child) this.child = undefined;
      for (const id of [...this.waiting.keys()]) this.finish(id);
    };
    child.on('exit', gone).on('error', gone);
    return child;
  }

  private finish(id: number, outcome?: Outcome): void {
    this.waiting.get(id)?.(outcome);
    this.waiting.delete(id);
  }
}
