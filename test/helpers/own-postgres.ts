import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPostgres } from '../../embedded/binaries.js';
import { cacheFolder } from '../../embedded/home.js';
import { startPostgres, type Postgres } from '../../embedded/postgres.js';
import { patiently } from './restarts.js';

/**
 * A PostgreSQL server of a test's own, that can be ended and comes back on the same port with its
 * data.
 */
export class OwnPostgres {
  private constructor(
    private readonly folder: string,
    private readonly programs: string,
    private readonly databases: readonly string[],
    private server: Postgres,
  ) {}

  /** @param databases that it has */
  static async start(...databases: string[]): Promise<OwnPostgres> {
    const folder = await mkdtemp(join(tmpdir(), 'runbook-postgres-'));
    // A server that root starts runs as another user.
    await chmod(folder, 0o755);
    const programs = await findPostgres(cacheFolder());
    return new OwnPostgres(folder, programs, databases, await begin(programs, folder, databases));
  }

  url(database: string): string {
    return this.server.url(database);
  }

  /**
   * Ended, and up again.
   * @param signal SIGINT: shut down in order; SIGQUIT: at once; SIGKILL: as a power cut would end
   *   it
   */
  async restart(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void> {
    const { port } = this.server;
    await this.server.server.stop(signal);
    // The children of a killed one end when they notice; until then their memory keeps the next one
    // out.
    this.server = await patiently(
      () => begin(this.programs, this.folder, this.databases, port),
      30_000,
    );
    if (this.server.port !== port) throw new Error(`port ${port} was taken by somebody else`);
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function begin(
  programs: string,
  folder: string,
  databases: readonly string[],
  port?: number,
): Promise<Postgres> {
  return startPostgres({
    programs,
    folder: join(folder, 'postgres'),
    port,
    databases: [...databases],
  });
}
