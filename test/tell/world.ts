import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { Secrets } from '../../activities/secrets.js';
import { Targets } from '../../activities/targets.js';
import type { RunKey } from '../../common/keys.js';
import type { RunView, WaitView } from '../../common/view.js';
import { stretched } from '../../embedded/pace.js';
import type { JsonObject } from '../../language/json.js';
import type { RunbookSpec } from '../../language/runbook.js';
import { admitRun, migrate, openPool, recordDecisions, saveRun } from '../../store/index.js';
import { Teller, type TellerDeps } from '../../worker/teller/teller.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { admission, decisionOf, verdictOf, waitOf, waitingView } from '../store/fixtures.js';

export const taskQueue = 'tell';

/** A record whose runs wait, as their workers write it down, and tellers that tell of it. */
export class TellWorld {
  private readonly tellers: Teller[] = [];
  /** What tellers said of their troubles. */
  readonly said: string[] = [];
  /** Runs that were saved, and how often. */
  private readonly saves = new Map<string, number>();

  private constructor(
    readonly folder: string,
    readonly database: TestDatabase,
    readonly pool: pg.Pool,
  ) {}

  static async start(targets: JsonObject = {}, secrets: JsonObject = {}): Promise<TellWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'runbook-tell-'));
    const database = await createTestDatabase('tell');
    const pool = openPool(database.url);
    await migrate(pool);
    const world = new TellWorld(folder, database, pool);
    await world.declare(targets, secrets);
    return world;
  }

  /** Writes targets.yaml and secrets.yaml. */
  async declare(targets: JsonObject, secrets: JsonObject = {}): Promise<void> {
    const orders = { kind: 'pipeline', environment: 'production' };
    const all = { targets: { orders, ...targets } };
    await writeFile(join(this.folder, 'targets.yaml'), JSON.stringify(all));
    await writeFile(join(this.folder, 'secrets.yaml'), JSON.stringify({ secrets }));
  }

  /** Begins to tell, in this process. */
  tell(change: Partial<TellerDeps> = {}): void {
    const teller = new Teller({
      pool: this.pool,
      targets: Targets.load(join(this.folder, 'targets.yaml')),
      secrets: Secrets.load(join(this.folder, 'secrets.yaml')),
      catalogue: [] as RunbookSpec[],
      worker: `here:${this.tellers.length + 1}`,
      runs: { taskQueue, namespaceId: 'here' },
      command: 'runbook',
      where: null,
      uiUrl: 'http://127.0.0.1:8233',
      namespace: 'default',
      notify: [],
      everyMs: 50,
      // A claim lasts three times as long: on a slow machine nobody else may take it meanwhile.
      timeoutMs: stretched(1_000),
      remindEveryMs: 900_000,
      say: (line) => void this.said.push(line),
      ...change,
    });
    this.tellers.push(teller);
    teller.start();
  }

  /** Ends what `tell` began. */
  async quiet(): Promise<void> {
    await Promise.all(this.tellers.splice(0).map((teller) => teller.close()));
  }

  /** A run that waits, from now on unless said. */
  async waits(change: Partial<WaitView> = {}, view: Partial<RunView> = {}): Promise<RunKey> {
    const key = { run: `run-${randomUUID()}`, firstRunId: randomUUID() };
    await admitRun(this.pool, { ...admission(key, view), namespaceId: 'here', taskQueue });
    const command = `runbook approve ${key.run} approve --digest ${waitOf().digest}`;
    const wait = { ...waitOf(), since: new Date().toISOString(), command, ...change };
    await this.save({ ...waitingView(key), waitingFor: [wait], ...view });
    return key;
  }

  /** As a run saves itself. */
  async save(view: RunView): Promise<void> {
    const number = (this.saves.get(view.id) ?? 0) + 1;
    this.saves.set(view.id, number);
    await saveRun(this.pool, view, undefined, { number, all: true });
  }

  /** Somebody decides, and the decision is accepted. */
  async decides(key: RunKey, change: JsonObject = {}): Promise<void> {
    const id = randomUUID();
    const at = new Date().toISOString();
    const envelope = decisionOf(key.run, { id, ...change });
    await recordDecisions(this.pool, key, [
      { envelope, verdict: verdictOf(id, { at }), receivedAt: at },
    ]);
  }

  async stop(): Promise<void> {
    await this.quiet();
    await this.pool.end();
    await this.database.drop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A webhook as a channel. */
export function webhook(address: string): JsonObject {
  return { kind: 'webhook', environment: 'test', http: { address } };
}
