import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { nameOf } from '../app/owner.js';
import { compiledProgram } from '../programs.js';
import type { Login } from './seed-site.js';

export interface WriterReport {
  /** Writes; each is in the journal. */
  requests: number;
  acknowledged: number;
  unknown: number;
  logIns: number;
  refusedLogIns: number;
  /** Acknowledged writes, by the instance that answered. */
  byInstance: Record<string, number>;
  lastAcknowledgedAt: string | null;
  /** Milliseconds since anything was acknowledged. */
  silentMs: number;
  /** The longest time in which nothing was acknowledged, of those that are over. */
  longestGap: { from: string; to: string; ms: number };
}

export interface WriterOptions {
  url: string;
  /** File that grows by a line for each write. */
  journal: string;
  login: Login;
  /** Requests a second, all clients together. */
  rate?: number;
  /** Clients of each tenant. */
  clients?: number;
}

/** The writer, in a process of its own; it ends with the one that started it. */
export class Writer {
  private last = '';
  private readonly ended: Promise<unknown>;

  private constructor(
    readonly journal: string,
    private readonly child: ChildProcess,
    private readonly lines: Interface,
  ) {
    lines.on('line', (line) => (this.last = line));
    this.ended = Promise.all([once(lines, 'close'), once(child, 'exit')]);
    // It may have ended by itself when it is told something.
    child.stdin?.on('error', () => undefined);
  }

  static start({ login, ...options }: WriterOptions): Writer {
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn(process.execPath, [compiledProgram('sites/writer'), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, WEB_WRITER: JSON.stringify(login), WEB_OWNER: nameOf(process.pid) },
    });
    return new Writer(options.journal, child, createInterface({ input: child.stdout }));
  }

  /** How it stands; how it ended, when it has. */
  async report(): Promise<WriterReport> {
    const line = once(this.lines, 'line');
    this.child.stdin?.write('report\n');
    await Promise.race([line, this.ended]);
    return this.newest();
  }

  /** Ends it, after the requests that are under way. */
  async stop(): Promise<WriterReport> {
    this.child.stdin?.end('stop\n');
    await this.ended;
    return this.newest();
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private newest(): WriterReport {
    if (this.last === '') throw new Error('the writer ended without a report');
    return JSON.parse(this.last) as WriterReport;
  }
}
