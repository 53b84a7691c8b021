import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { programFolder } from '../../worker/config.js';

/** A real worker in a process of its own, so that it can be killed. */
export class WorkerProcess {
  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: string[],
  ) {}

  /**
   * Starts a worker and waits until it takes work.
   * @param program what is run instead of the shipped worker, for tests with procedures of their
   *   own
   * @param prefix put before the command line, such as another program that becomes it
   * @throws Error with its last lines when it ends instead
   */
  static async start(
    env: Record<string, string>,
    program = join(programFolder, 'worker', 'main.js'),
    prefix: readonly string[] = [],
  ): Promise<WorkerProcess> {
    const [first = process.execPath, ...rest] = [...prefix, process.execPath, program];
    const child = spawn(first, rest, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lines: string[] = [];
    const worker = new WorkerProcess(child, lines);
    await new Promise<void>((ready, failed) => {
      child.once('exit', (code) =>
        failed(new Error(`the worker ended with ${code}: ${lines.slice(-5).join('\n')}`)),
      );
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          lines.push(line);
          if (lines.length > 200) lines.shift();
          if (line.startsWith('worker ready')) ready();
        });
      }
    });
    return worker;
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Settles when it has ended, by itself or not. */
  get exited(): Promise<unknown> {
    return this.ended ? Promise.resolve() : once(this.child, 'exit');
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** The last lines it printed. */
  tail(): string {
    return this.lines.slice(-20).join('\n');
  }

  /** Those of its last lines that hold this text. */
  said(text: string): string[] {
    return this.lines.filter((line) => line.includes(text));
  }

  /** As a power cut would end it. */
  async kill9(): Promise<void> {
    await this.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    if (this.ended) return;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    await exited;
  }
}
