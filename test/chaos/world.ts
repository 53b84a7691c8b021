import { readFile, writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openPool } from '../../store/index.js';
import { programFolder } from '../../worker/config.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { Engine, type EngineOptions } from '../helpers/engine.js';
import { EffectService } from './service.js';

export const chaosWorker = join(programFolder, 'test', 'chaos', 'worker.js');
const procedures = join(programFolder, 'test', 'chaos', 'procedures.js');

export type WorldOptions = Omit<EngineOptions, 'targets' | 'secrets'> & {
  /**
   * Address of the database that the effects of kind `sql` go to, when it is not one of the test
   * server's.
   */
  target?: string;
};

/**
 * Real worker processes on the real engine, and three places where effects are counted: a file, a
 * table, a service.
 */
export class ChaosWorld {
  private constructor(
    readonly engine: Engine,
    readonly folder: string,
    readonly database: pg.Client,
    readonly service: EffectService,
    /** Address of the database that the steps of kind `sql` change. */
    readonly targetUrl: string,
    private readonly looks: pg.Pool,
    private readonly target: TestDatabase | undefined,
  ) {}

  static async start(options: WorldOptions = {}): Promise<ChaosWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'runbook-chaos-'));
    const own = options.target === undefined ? await createTestDatabase('effects') : undefined;
    const address = options.target ?? own?.url ?? '';
    const database = new pg.Client(address);
    // A server that is restarted ends this session too.
    database.on('error', () => undefined);
    await database.connect();
    await database.query('CREATE TABLE IF NOT EXISTS effects (id text)');
    // Connects anew after that.
    const looks = openPool(address);
    const service = await EffectService.start();
    const url = new URL(address);
    await writeFile(join(folder, 'password'), decodeURIComponent(url.password), { mode: 0o600 });
    url.password = '';
    const engine = await Engine.start({
      program: chaosWorker,
      procedures,
      ...options,
      targets: JSON.stringify({
        targets: {
          database: {
            kind: 'webhook',
            environment: 'test',
            postgres: { address: url.href, password: 'password' },
          },
          service: { kind: 'webhook', environment: 'test', http: { address: service.address } },
        },
      }),
      secrets: JSON.stringify({
        secrets: { password: { from: `file:${join(folder, 'password')}`, targets: ['database'] } },
      }),
    });
    return new ChaosWorld(engine, folder, database, service, address, looks, own);
  }

  get journal(): string {
    return join(this.folder, 'journal.txt');
  }

  /** Every effect that happened, by its id, as often as it happened. */
  async effects(): Promise<string[]> {
    const lines = (await readFile(this.journal, 'utf8').catch(() => ''))
      .split('\n')
      .filter(Boolean);
    const { rows } = await this.looks.query<{ id: string }>('SELECT id FROM effects');
    return [...lines, ...rows.map(({ id }) => id), ...this.service.effects];
  }

  async stop(): Promise<void> {
    await this.engine.stop();
    this.service.stop();
    await this.database.end().catch(() => undefined);
    await this.looks.end();
    await this.target?.drop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** @param wanted ids of the effects that should have happened once each */
export function compare(
  wanted: readonly string[],
  found: readonly string[],
): { twice: number; lost: number } {
  const counts = new Map<string, number>();
  for (const id of found) counts.set(id, (counts.get(id) ?? 0) + 1);
  return {
    twice: [...counts.values()].reduce((sum, count) => sum + count - 1, 0),
    lost: wanted.filter((id) => !counts.has(id)).length,
  };
}
