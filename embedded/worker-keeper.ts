import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { homePaths } from './home.js';
import { endChild, idOf, type ProcessId } from './process.js';
import type { Services } from './services.js';

const workerGraceMs = 30_000;
const longestPauseMs = 10_000;

export interface WorkerOptions {
  /** The compiled worker/main.js. */
  workerEntry: string;
  taskQueue: string;
  env?: NodeJS.ProcessEnv;
}

/** Keeps one worker running: started again, more and more patiently, when it ends by itself. */
export class WorkerKeeper {
  private child: ChildProcess | undefined;
  private stopping = false;
  private restarting = false;
  /** Before a worker that has ended by itself is started again. */
  private pause: AbortController | undefined;
  private more: Record<string, string> = {};

  constructor(
    private readonly options: WorkerOptions,
    private readonly services: Services,
    private readonly home: string,
    private readonly remember: (id: ProcessId) => void,
    private readonly tell: (line: string) => void,
  ) {}

  /** Environment that its workers get besides. */
  use(env: Record<string, string>): void {
    this.more = env;
  }

  /** Returns once the worker takes work. */
  async start(): Promise<void> {
    await new Promise<void>((ready, failed) => {
      this.keep(ready).catch(failed);
    });
  }

  /** Ends the worker that runs: what its steps do goes on, and the next worker follows it. */
  restart(): void {
    if (this.stopping || this.restarting || !this.child) return;
    // One that has ended by itself is about to be started again: that has waited long enough.
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.pause?.abort();
    this.restarting = true;
    endChild(this.child, workerGraceMs).catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    if (this.child) await endChild(this.child, workerGraceMs);
  }

  private async keep(ready: () => void): Promise<void> {
    for (let pauseMs = 500; !this.stopping; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      const began = Date.now();
      const [code, signal] = (await once(this.spawn(ready), 'exit')) as [
        number | null,
        string | null,
      ];
      if (this.stopping) return;
      if (this.restarting) {
        this.restarting = false;
        continue;
      }
      if (Date.now() - began > 60_000) pauseMs = 500;
      this.tell(
        `the worker ended (${signal ?? `exit code ${code}`}); ` +
          `it is started again in ${pauseMs / 1000} s`,
      );
      this.pause = new AbortController();
      await delay(pauseMs, undefined, { signal: this.pause.signal }).catch(() => undefined);
    }
  }

  private spawn(ready: () => void): ChildProcess {
    const { services, options } = this;
    const child = spawn(process.execPath, [options.workerEntry], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C in the terminal goes to the supervisor, which stops the worker before the servers.
      detached: true,
      env: {
        ...(options.env ?? process.env),
        TEMPORAL_ADDRESS: services.address,
        TEMPORAL_NAMESPACE: services.namespace,
        RUNBOOK_TASK_QUEUE: options.taskQueue,
        RUNBOOK_DATABASE_URL: services.databaseUrl,
        RUNBOOK_UI_URL: services.uiUrl,
        ...(existsSync(homePaths(this.home).restored) ? { RUNBOOK_LOST_NAMESPACES: 'others' } : {}),
        // Whoever develops wants what was built last, also after going back.
        RUNBOOK_MAKE_CURRENT: (options.env ?? process.env)['RUNBOOK_MAKE_CURRENT'] ?? 'always',
        RUNBOOK_HOME: this.home,
        RUNBOOK_JOURNALS:
          (options.env ?? process.env)['RUNBOOK_JOURNALS'] ?? join(this.home, 'journals'),
        ...this.more,
      },
    });
    this.child = child;
    if (child.pid !== undefined) this.remember(idOf(child.pid));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.tell(`worker    ${line}`);
        if (line.startsWith('worker ready')) ready();
      });
    }
    return child;
  }
}
