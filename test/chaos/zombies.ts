import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import type { WorkerProcess } from '../../examples/demo/worker.js';
import { Proxy } from '../cli/proxy.js';
import type { Namespace } from './namespace.js';
import { until } from '../../lab/until.js';
import { heldKinds as kinds } from './specs.js';
import type { TracedWrite } from './trace.js';
import { ChaosWorld, compare } from './world.js';

/** The lock that holds the steps of kind `sql`. */
const lock = 4_711;
/**
 * How long a worker that is back may take to write what it believes, in milliseconds: TCP tries
 * again ever more seldom.
 */
const lateMs = 20_000;
/** Who follows a command that prints is heard of more often than this, in milliseconds. */
const quietMs = 1_500;

export interface ZombieResult {
  /** Steps whose worker came back after another one had taken them over. */
  zombies: number;
  /** Of these, those that wrote late, and all of it was refused. */
  refused: number;
  /** Late writes that got through. */
  through: number;
  twice: number;
  lost: number;
  finished: number;
}

/**
 * A worker falls silent in the middle of its steps, another one takes them over, and the first
 * comes back while the other still acts. What it writes then must be refused, and what it does must
 * not disturb the other.
 * @param rounds in each, one worker does one step of each kind
 * @param cable cut instead of stopping the worker, which then acts on while nobody hears of it
 * @returns the same for all these rounds, and for one more in which late writes are judged without
 *   the fence
 */
export async function zombies(
  rounds: number,
  cable?: Namespace,
): Promise<{ fenced: ZombieResult; open: ZombieResult; seconds: number }> {
  const began = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'runbook-zombies-'));
  const trace = join(folder, 'trace.jsonl');
  const world = await ChaosWorld.start({ workers: 1, settings: { CHAOS_TRACE: trace } });
  await world.engine.killWorkers();
  const one = (round: number, isFenced: boolean): Promise<ZombieResult> =>
    oneRound(world, { release: join(folder, `release-${round}`), folder, trace, isFenced, cable });
  try {
    const fenced: ZombieResult = {
      zombies: 0,
      refused: 0,
      through: 0,
      twice: 0,
      lost: 0,
      finished: 0,
    };
    for (let round = 1; round <= rounds; round += 1) add(fenced, await one(round, true));
    const open = await one(rounds + 1, false);
    return { fenced, open, seconds: Math.round((performance.now() - began) / 1_000) };
  } finally {
    await world.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Round {
  /** File whose presence lets the commands end. */
  release: string;
  trace: string;
  folder: string;
  isFenced: boolean;
  cable: Namespace | undefined;
}

async function oneRound(world: ChaosWorld, round: Round): Promise<ZombieResult> {
  const { engine } = world;
  const guard = round.isFenced ? {} : { CHAOS_OFF: 'fence' };
  const ways = await Ways.open(world, round);
  try {
    const silent = await engine.startWorker({ ...guard, ...ways.env }, round.cable?.prefix);
    const runs = await Promise.all(kinds.map((kind) => start(world, kind, round.release)));
    const writes = await haunt(world, { ...round, runs, silent, guard, temporal: ways.temporal });
    const states = await Promise.all(
      runs.map(async (run) => {
        if (round.isFenced) return (await engine.ended(run)).state;
        // Without the fence a run may wait for people; there is nothing more to learn from it.
        await run.terminate('the test is over');
        return 'terminated';
      }),
    );
    const ids = runs.map(({ workflowId }, index) => `${workflowId} ${kinds[index]} 1`);
    const through = writes.map((each) => each.filter(({ taken }) => taken).length);
    return {
      zombies: runs.length,
      refused: writes.filter((each, index) => each.length > 0 && through[index] === 0).length,
      through: through.reduce((sum, count) => sum + count, 0),
      finished: states.filter((state) => state === 'succeeded').length,
      ...compare(
        ids,
        (await world.effects()).filter((id) => ids.includes(id)),
      ),
    };
  } finally {
    await engine.killWorkers();
    await ways.close();
  }
}

function add(sum: ZombieResult, more: ZombieResult): void {
  for (const key of Object.keys(sum) as (keyof ZombieResult)[]) sum[key] += more[key];
}

interface Haunting extends Round {
  runs: WorkflowHandle[];
  silent: WorkerProcess;
  guard: Record<string, string>;
  /** Between the silent worker and Temporal. */
  temporal: Proxy;
}

/** @returns what the worker wrote that came back, by kind of step */
async function haunt(world: ChaosWorld, haunting: Haunting): Promise<TracedWrite[][]> {
  const { runs, silent, guard, temporal, release, trace, cable } = haunting;
  const { engine, service, database } = world;
  service.hold();
  await database.query('SELECT pg_advisory_lock($1)', [lock]);
  try {
    await until('every step to be in the middle of its effect', async () => {
      const ids = await world.effects();
      return (
        ids.includes(`${runs[0]?.workflowId} command 1`) &&
        service.waiting === 1 &&
        (await waitsForLock(world)) === 1
      );
    });
    await engine.startWorker(guard);
    if (cable) cable.cut();
    else process.kill(silent.pid, 'SIGSTOP');
    // What it sends from here on reaches nobody before the other has taken over.
    const since = Date.now();
    // While nobody tells it that it was given up, it believes that the steps are its own.
    await temporal.cut();
    await until('the other worker to have taken over', async () => {
      return (
        (await takenOver(world, runs)) === runs.length &&
        service.waiting === 2 &&
        (await waitsForLock(world)) === 1
      );
    });
    if (cable) cable.mend();
    else process.kill(silent.pid, 'SIGCONT');
    service.answerOldest();
    const late = (): Promise<TracedWrite[][]> => writesOf(trace, silent.pid, since);
    await until(
      'it to write of every step',
      async () => (await late()).every((each) => each.length > 0),
      lateMs,
    ).catch(() => undefined);
    const reported = await late();
    const silentKinds = kinds.filter((_, index) => !reported[index]?.length);
    if (silentKinds.length > 0) {
      process.stderr.write(
        `a zombie wrote nothing: ${silentKinds.join(', ')}; it said:\n${silent.tail()}\n`,
      );
    }
    await temporal.open();
    // Now it learns it; the command that it has followed is left to the other.
    await until(
      'it to let go',
      async () => (await late()).flat().every(({ at }) => at < Date.now() - quietMs),
      lateMs,
    );
    return await late();
  } finally {
    await writeFile(release, '');
    await database.query('SELECT pg_advisory_unlock($1)', [lock]);
    service.letGo();
  }
}

/**
 * How the worker that falls silent reaches the world: Temporal by a way of its own, from another
 * network everything.
 */
class Ways {
  private constructor(
    readonly env: Record<string, string>,
    readonly temporal: Proxy,
    private readonly others: readonly Proxy[],
  ) {}

  static async open(
    { engine, service, targetUrl }: ChaosWorld,
    { cable, folder }: Round,
  ): Promise<Ways> {
    const proxies: Proxy[] = [];
    const way = async (target: string): Promise<Proxy> => {
      const proxy = new Proxy(target, cable?.host);
      await proxy.open();
      proxies.push(proxy);
      return proxy;
    };
    const temporal = await way(engine.address);
    const env: Record<string, string> = { TEMPORAL_ADDRESS: temporal.address };
    if (!cable) return new Ways(env, temporal, []);
    const postgres = await way(new URL(engine.databaseUrl).host);
    const http = await way(new URL(service.address).host);
    const targets = await readFile(engine.path('targets.yaml'), 'utf8');
    env['RUNBOOK_DATABASE_URL'] = engine.databaseUrl.replace(
      new URL(engine.databaseUrl).host,
      postgres.address,
    );
    env['RUNBOOK_TARGETS'] = join(folder, 'targets.yaml');
    const moved = targets
      .replace(new URL(targetUrl).host, postgres.address)
      .replace(new URL(service.address).host, http.address);
    await writeFile(env['RUNBOOK_TARGETS'], moved);
    return new Ways(env, temporal, [postgres, http]);
  }

  async close(): Promise<void> {
    for (const proxy of [this.temporal, ...this.others]) await proxy.cut();
  }
}

async function start(
  { engine, journal }: ChaosWorld,
  kind: string,
  release: string,
): Promise<WorkflowHandle> {
  const run = `held-${kind}-${randomUUID().slice(0, 8)}`;
  const envelope = engine.envelope('chaos-held', { kind, journal, release, lock }, run);
  return engine.client.workflow.start('chaos-held', {
    workflowId: run,
    taskQueue: engine.taskQueue,
    args: [envelope],
  });
}

async function waitsForLock({ database }: ChaosWorld): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'runbook/%' AND wait_event_type = 'Lock'`,
  );
  return rows[0]?.count ?? 0;
}

async function takenOver({ engine }: ChaosWorld, runs: readonly WorkflowHandle[]): Promise<number> {
  const { rows } = await engine.pool.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM runbook.attempts a JOIN runbook.runs r ON r.no = a.run_no
     WHERE r.run = ANY ($1) AND a.state = 'running' AND a.fence = 2`,
    [runs.map(({ workflowId }) => workflowId)],
  );
  return rows[0]?.count ?? 0;
}

/** What the worker wrote since it fell silent, by kind of step. */
async function writesOf(trace: string, pid: number, since: number): Promise<TracedWrite[][]> {
  const lines = (await readFile(trace, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const writes = lines
    .map((line) => JSON.parse(line) as TracedWrite)
    .filter((write) => write.pid === pid && write.at >= since);
  return kinds.map((kind) => writes.filter(({ step }) => step === kind));
}
