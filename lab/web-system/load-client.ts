import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { compiledProgram } from './programs.js';
import type { LoadReport } from './load-report.js';

export interface LoadOptions {
  url: string;
  connections?: number;
  /** Requests a second, all connections together. */
  rate?: number;
  requests?: number;
  seconds?: number;
  /** Share of requests that are orders (POST): they may never be sent twice. */
  orders?: number;
  retryOnce?: boolean;
}

/** The users, in a process of their own; it ends with the one that started it. */
export class Load {
  private last = '';
  private readonly ended: Promise<unknown>;

  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: Interface,
  ) {
    lines.on('line', (line) => (this.last = line));
    this.ended = Promise.all([once(lines, 'close'), once(child, 'exit')]);
    // It may have ended by itself when it is told something.
    child.stdin?.on('error', () => undefined);
  }

  static start({ retryOnce = false, ...options }: LoadOptions): Load {
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn(
      process.execPath,
      [compiledProgram('load'), ...args, ...(retryOnce ? ['--retry-once'] : [])],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    return new Load(child, createInterface({ input: child.stdout }));
  }

  /** What comes from now on is counted under this name too. */
  phase(name: string): void {
    this.child.stdin?.write(`phase ${name}\n`);
  }

  /** How it stands; how it ended, when it has. */
  async report(): Promise<LoadReport> {
    const line = once(this.lines, 'line');
    this.child.stdin?.write('report\n');
    await Promise.race([line, this.ended]);
    return this.newest();
  }

  /** Ends it, after the requests that are under way. */
  async stop(): Promise<LoadReport> {
    this.child.stdin?.end('stop\n');
    return this.finish();
  }

  /** Waits until it has sent all that it was to send. */
  async finish(): Promise<LoadReport> {
    await this.ended;
    return this.newest();
  }

  private newest(): LoadReport {
    if (this.last === '') throw new Error('the load ended without a report');
    return JSON.parse(this.last) as LoadReport;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
