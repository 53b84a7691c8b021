import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type pg from 'pg';
import { withClient } from '../../embedded/client.js';
import { until } from '../../lab/until.js';

export function subfolder(parent: string, name: string): string {
  const folder = join(parent, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Processes that name this folder in their command line or environment, but for this one. */
export function processesOf(folder: string): number[] {
  if (process.platform === 'linux') {
    return readdirSync('/proc')
      .map(Number)
      .filter(
        (pid) =>
          pid > 0 &&
          pid !== process.pid &&
          `${procFile(pid, 'cmdline')}\0${procFile(pid, 'environ')}`.includes(folder),
      );
  }
  return execFileSync('ps', ['-A', '-E', '-o', 'pid=,command='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 24,
  })
    .split('\n')
    .filter((line) => line.includes(folder))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => pid !== process.pid);
}

/** Empty for a process that has ended and waits to be collected. */
function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

export async function noProcessesOf(folder: string): Promise<void> {
  await until(
    `the processes of ${folder} to be gone`,
    () => Promise.resolve(processesOf(folder).length === 0),
    5_000,
    50,
  );
}

/** Ends what a test left in a folder and removes it. */
export async function clear(folder: string): Promise<void> {
  for (const pid of processesOf(folder)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
  await noProcessesOf(folder);
  rmSync(folder, { recursive: true, force: true });
}

/** Something else that listens on a port of loopback. */
export class TakenPort {
  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async take(): Promise<TakenPort> {
    // Whoever connects is turned away at once: this is nobody's server.
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((listening) =>
      server.listen({ port: 0, host: '127.0.0.1' }, listening),
    );
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return new TakenPort(server, address.port);
  }

  async free(): Promise<void> {
    await new Promise<void>((closed) => this.server.close(() => closed()));
  }
}

export function query<T extends pg.QueryResultRow>(
  databaseUrl: string,
  text: string,
): Promise<T[]> {
  return withClient(databaseUrl, async (client) => (await client.query<T>(text)).rows);
}
