import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPostgres } from '../../embedded/binaries.js';
import { cacheFolder } from '../../embedded/home.js';
import { startPostgres, type Postgres } from '../../embedded/postgres.js';
import { patiently } from '../chaos/restarts.js';

/** A PostgreSQL server of a test's own for the record, that can be killed and comes back on the same port with its data. */
export class OwnPostgres {
  private constructor(
    private readonly folder: string,
    private readonly programs: string,
    private server: Postgres,
  ) {}

  static async start(): Promise<OwnPostgres> {
    const folder = await mkdtemp(join(tmpdir(), 'runbook-postgres-'));
    // A server that root starts runs as another user.
    await chmod(folder, 0o755);
    const programs = await findPostgres(cacheFolder());
    return new OwnPostgres(folder, programs, await begin(programs, folder));
  }

  get url(): string {
    return this.server.url('record');
  }

  /** As a power cut would end it, and up again. */
  async kill9AndRestart(): Promise<void> {
    const { port } = this.server;
    await this.server.server.stop('SIGKILL');
    // Its children end when they notice; until then their memory keeps the next one out.
    this.server = await patiently(() => begin(this.programs, this.folder, port), 30_000);
    if (this.server.port !== port) throw new Error(`port ${port} was taken by somebody else`);
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function begin(programs: string, folder: string, port?: number): Promise<Postgres> {
  return startPostgres({ programs, folder: join(folder, 'postgres'), port, databases: ['record'] });
}
