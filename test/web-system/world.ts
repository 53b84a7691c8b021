import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../../embedded/ports.js';
import {
  instancesOf,
  makeSystemFolder,
  runningInstance,
  startInstance,
  stopInstance,
  type Instance,
  type SystemFolder,
} from '../../lab/web-system/instances.js';
import { migrate } from '../../lab/web-system/migrations.js';
import { publishReleases } from '../../lab/web-system/releases.js';
import { seed } from '../../lab/web-system/seed.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';

/** A database with release 1's schema and customers, and artefacts to start instances of. */
export class World {
  private constructor(
    readonly system: SystemFolder,
    private readonly database: TestDatabase,
  ) {}

  static async make(name: string): Promise<World> {
    const database = await createTestDatabase(name);
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'web-')));
    const world = new World(makeSystemFolder(folder, database.url), database);
    publishReleases(world.system.releases);
    await world.migrated('1.0.0', 'expand');
    await world.query(seed);
    return world;
  }

  /** @throws Error with what the program said */
  async migrated(version: string, phase: 'expand' | 'contract' | 'undo'): Promise<unknown> {
    const { exitCode, json, problem } = await migrate(this.system, version, phase);
    if (exitCode !== 0) throw new Error(`${phase} of ${version} exited ${exitCode}: ${problem}`);
    return json?.['done'];
  }

  async query<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client(this.database.url);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  async start(version: string, name = 'one'): Promise<Instance & { url: string }> {
    const instance = await startInstance(this.system, { name, version, port: await freePort() });
    return { ...instance, url: `http://127.0.0.1:${instance.port}` };
  }

  /** As `start`, when it does not run yet. */
  async running(version: string, name: string): Promise<Instance & { url: string }> {
    const there = runningInstance(this.system, name);
    return there ? { ...there, url: `http://127.0.0.1:${there.port}` } : this.start(version, name);
  }

  async end(): Promise<void> {
    await Promise.all(
      instancesOf(this.system).map(({ name }) => stopInstance(this.system, name, 2_000)),
    );
    await this.database.drop();
    rmSync(this.system.folder, { recursive: true, force: true });
  }
}

/**
 * One request on a connection of its own, with what came back: a proxy may close idle ones whenever
 * its configuration changes.
 */
export async function ask(url: string, path: string, method = 'GET', body?: object) {
  const response = await fetch(url + path, {
    method,
    headers: { connection: 'close' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, text, json };
}
