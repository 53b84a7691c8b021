import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { readConnection, type DevConnection } from '../../embedded/connection.js';
import { cacheFolder, projectRoot } from '../../embedded/home.js';
import { until } from '../../lab/until.js';

export interface DevProcessOptions {
  /** Its data; also what its processes are found by. */
  home: string;
  cwd: string;
  /** A copy of the program; the one under test unless given. */
  program?: string;
  env?: NodeJS.ProcessEnv;
  account?: { uid: number; gid: number };
}

/** A `runbook dev` that a test started. */
export class DevProcess {
  output = '';
  private readonly ended: Promise<number | null>;

  private constructor(
    readonly child: ChildProcess,
    readonly home: string,
  ) {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    this.ended = once(child, 'exit').then(([code]) => code as number | null);
  }

  static start({
    home,
    cwd,
    program = projectRoot,
    env = {},
    account,
  }: DevProcessOptions): DevProcess {
    const child = spawn(
      process.execPath,
      [join(program, 'test', 'embedded', 'fixtures', 'dev.mjs')],
      {
        cwd,
        env: {
          ...process.env,
          RUNBOOK_CACHE: cacheFolder(),
          NODE_OPTIONS: '',
          RUNBOOK_HOME: home,
          ...env,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        ...account,
      },
    );
    return new DevProcess(child, home);
  }

  /** Waits until everything is up. @throws Error with the output when it ended instead */
  async up(): Promise<DevConnection> {
    return await until(
      `dev to be up in ${this.home}`,
      () => {
        if (this.child.exitCode !== null)
          throw new Error(`dev ended with exit code ${this.child.exitCode}: ${this.output}`);
        const connection = readConnection(this.home)?.connection;
        return Promise.resolve(connection?.supervisor.pid === this.child.pid && connection);
      },
      25_000,
      50,
    );
  }

  /** Waits for words in what it prints, after the first `from` characters. */
  async says(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    return await until(
      `${String(pattern)} in: ${this.output}`,
      () => Promise.resolve(pattern.exec(this.output.slice(from))),
      15_000,
      50,
    );
  }

  /**
   * Waits for the end, asking for it when a signal is given.
   * @returns the exit code; null when a signal ended it
   */
  async end(signal?: NodeJS.Signals): Promise<number | null> {
    if (signal) this.child.kill(signal);
    return await this.ended;
  }
}
