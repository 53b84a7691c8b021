import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { compiledProgram } from './programs.js';
import type { LoadReport } from './load-report.js';

export type { LoadReport } from './load-report.js';

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
  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: Interface,
  ) {}

  static start({ retryOnce = false, ...options }: LoadOptions): Load {
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn(process.execPath, [compiledProgram('load'), ...args, ...(retryOnce ? ['--retry-once'] : [])], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return new Load(child, createInterface({ input: child.stdout }));
  }

  /** What comes from now on is counted under this name too. */
  phase(name: string): void {
    this.child.stdin?.write(`phase ${name}\n`);
  }

  /** How it stands. */
  async report(): Promise<LoadReport> {
    const line = once(this.lines, 'line');
    this.child.stdin?.write('report\n');
    return JSON.parse(String((await line)[0])) as LoadReport;
  }

  /** Ends it, after the requests that are under way. */
  async stop(): Promise<LoadReport> {
    const exited = once(this.child, 'exit');
    let last = '';
    this.lines.on('line', (line) => (last = line));
    const read = once(this.lines, 'close');
    this.child.stdin?.end('stop\n');
    await Promise.all([exited, read]);
    return JSON.parse(last) as LoadReport;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
