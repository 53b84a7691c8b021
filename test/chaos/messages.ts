import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { messageNames } from '../../common/defaults.js';
import { WorkerProcess } from '../../examples/demo/worker.js';
import { programFolder } from '../../worker/config.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';
import { Receiver, type Received } from '../tell/receiver.js';
import { leavingView } from '../store/fixtures.js';
import { TellWorld, webhook } from '../tell/world.js';

const program = join(programFolder, 'test', 'chaos', 'messages-worker.js');
const workers = 3;
/** A claim holds three times as long, in milliseconds. */
const timeoutMs = 700;

/** For all kills; a killed worker needs seconds to be replaced. */
const patienceMs = 600_000;

export interface MessagesOptions {
  runs: number;
  kills: number;
  /**
   * Whole workers, and runs of the engine; otherwise only what workers tell with, and runs that
   * wait in the record.
   */
  whole?: boolean;
  /** What dead workers had claimed stays claimed. */
  open?: boolean;
}

export interface MessagesResult {
  kills: number;
  /**
   * Messages that people had to get: that they are needed, that they are not any more, and what was
   * left, where runs leave something.
   */
  wanted: number;
  lost: number;
  /** Requests whose sender was killed before they were taken. */
  broken: number;
  /** Messages that were taken more than once. */
  twice: number;
  /** Later tries of a message that did not say so, or came under another key. */
  unmarked: number;
  seconds: number;
}

/** Where runs wait and are approved. */
interface Field {
  pool: pg.Pool;
  startWorker(): Promise<WorkerProcess>;
  /** Whether its runs end with something left. */
  leaves: boolean;
  /** @returns the run's id, and what approves it */
  waits(): Promise<{ run: string; approve: () => Promise<unknown> }>;
  stop(): Promise<void>;
}

/**
 * Runs wait at their gates, people are told by a webhook, and whoever sends is killed in the middle
 * of it. The gates are approved meanwhile, and that is told too.
 */
export async function killTellers(options: MessagesOptions): Promise<MessagesResult> {
  const began = performance.now();
  const alive: WorkerProcess[] = [];
  const tries: Received[] = [];
  const replacing: Promise<unknown>[] = [];
  let fail: (error: unknown) => void = () => undefined;
  const broken = new Promise<never>((_, reject) => {
    fail = reject;
  });
  let kills = 0;
  let killing = false;
  // A message is taken when it is answered: a sender that was killed has told nobody.
  const receiver = await Receiver.start(async (message) => {
    tries.push(message);
    // Every second one is let through: a worker that never told anybody is not what is tried here.
    if (kills >= options.kills || killing || tries.length % 2 === 0) await delay(50);
    else {
      killing = true;
      kills += (await killSender(message)) ? 1 : 0;
      killing = false;
    }
    return 200;
  });
  const field = await (options.whole ? engineField : recordField)(receiver.address, {
    RUNBOOK_NOTIFY: 'oncall',
    RUNBOOK_TELL_MS: '100',
    RUNBOOK_TELL_TIMEOUT_MS: String(timeoutMs),
    ...(options.whole ? {} : { CHAOS_ALONE: '1' }),
    ...(options.open ? { CHAOS_OFF: 'expiry' } : {}),
  });
  const begin = async (): Promise<void> => void alive.push(await field.startWorker());
  const killSender = async ({ id }: Received): Promise<boolean> => {
    const { rows } = await field.pool.query<{ pid: string }>(
      `SELECT split_part(claimed_by, ':', -1) AS pid FROM runbook.messages WHERE id = $1`,
      [id],
    );
    const sender = alive.findIndex(({ pid }) => String(pid) === rows[0]?.pid);
    if (sender === -1) return false;
    await alive.splice(sender, 1)[0]?.kill9();
    replacing.push(begin().catch(fail));
    return true;
  };
  try {
    await Promise.all(Array.from({ length: workers }, begin));
    const runs = await Promise.all(Array.from({ length: options.runs }, () => field.waits()));
    const answered = runs.map(async ({ run, approve }) => {
      await until('people to be told', () => isTold(field.pool, run, options), patienceMs, 100);
      await approve();
    });
    await Promise.race([Promise.all(answered), broken]);
    const quiet = until('all to be told', () => isQuiet(field.pool, options), patienceMs, 100);
    await Promise.race([quiet, broken]);
    const told = ['asked', 'over', field.leaves ? 'left' : 'ended'];
    const wanted = runs.flatMap(({ run }) => told.map((what) => `${run} ${what}`));
    const taken = receiver.taken.map(({ run, what }) => `${run} ${what}`);
    return {
      kills,
      wanted: wanted.length,
      lost: wanted.filter((each) => !taken.includes(each)).length,
      broken: receiver.lost.length,
      twice: receiver.taken.length - new Set(receiver.taken.map(({ id }) => id)).size,
      unmarked: tries.filter(
        ({ id, key, again }, index) =>
          key !== id || (!again && tries.slice(0, index).some((before) => before.id === id)),
      ).length,
      seconds: Math.round((performance.now() - began) / 1_000),
    };
  } finally {
    await Promise.allSettled(replacing);
    await Promise.all(alive.map((worker) => worker.stop()));
    await field.stop();
    await receiver.stop();
  }
}

async function engineField(address: string, settings: Record<string, string>): Promise<Field> {
  const engine = await Engine.start({
    later: true,
    program,
    targets: JSON.stringify({ targets: { oncall: webhook(address) } }),
    settings,
  });
  const last = JSON.stringify(['/usr/bin/true']);
  return {
    pool: engine.pool,
    leaves: false,
    startWorker: () => engine.startWorker(),
    async waits() {
      const journal = engine.path(`${randomUUID()}.txt`);
      const handle = await engine.run('test-gated', { journal, last, first_change: false });
      const approve = async (): Promise<unknown> => {
        const asked = () => engine.decision(handle).catch(() => null);
        const decision = await until('the gate', asked, patienceMs);
        await handle.signal(messageNames.decide, decision);
        const verdict = () => engine.verdict(handle, decision.id).catch(() => null);
        return until('a verdict', verdict, patienceMs);
      };
      return { run: handle.workflowId, approve };
    },
    stop: () => engine.stop(),
  };
}

async function recordField(address: string, settings: Record<string, string>): Promise<Field> {
  const world = await TellWorld.start({ oncall: webhook(address) });
  const env = {
    ...settings,
    RUNBOOK_DATABASE_URL: world.database.url,
    RUNBOOK_TARGETS: join(world.folder, 'targets.yaml'),
    RUNBOOK_SECRETS: join(world.folder, 'secrets.yaml'),
  };
  return {
    pool: world.pool,
    leaves: true,
    startWorker: () => WorkerProcess.start(env, program),
    async waits() {
      const key = await world.waits();
      const approve = async (): Promise<void> => {
        await world.decides(key);
        await world.save(leavingView(key, new Date().toISOString()));
      };
      return { run: key.run, approve };
    },
    stop: () => world.stop(),
  };
}

/** A claim that nobody takes over, when none expires. */
const heldFor = `sent_at IS NULL AND claimed_until < clock_timestamp() - interval '1 s'`;

/** How a run has ended is told after what it had asked is over. */
const behindHeld = `sent_at IS NULL AND what = 'left' AND EXISTS (
  SELECT FROM runbook.messages o WHERE o.run_no = m.run_no AND o.channel = m.channel
    AND o.what = 'over' AND o.sent_at IS NULL AND o.dropped_at IS NULL)`;

/**
 * Were people told that the run waits? Without the guard, what a dead worker had claimed is given
 * up.
 */
async function isTold(pool: pg.Pool, run: string, { open }: MessagesOptions): Promise<boolean> {
  const { rows } = await pool.query<{ sent: boolean; held: boolean }>(
    `SELECT m.sent_at IS NOT NULL AS sent, coalesce(${heldFor}, false) AS held
     FROM runbook.messages m JOIN runbook.runs r ON r.no = m.run_no WHERE r.run = $1`,
    [run],
  );
  return rows.some(({ sent, held }) => sent || (open === true && held));
}

/** Is there nothing more to tell? */
async function isQuiet(pool: pg.Pool, { open, runs }: MessagesOptions): Promise<boolean> {
  const { rows } = await pool.query<Record<'over' | 'unsent' | 'held' | 'untold' | 'ends', number>>(
    `SELECT count(*) FILTER (WHERE what = 'over')::integer AS over,
            count(*) FILTER (WHERE sent_at IS NULL AND dropped_at IS NULL)::integer AS unsent,
            count(*) FILTER (WHERE dropped_at IS NULL AND (${heldFor} OR ${behindHeld}))::integer AS held,
            (SELECT count(*)::integer FROM runbook.ends WHERE told_at IS NULL) AS untold,
            (SELECT count(*)::integer FROM runbook.ends) AS ends
     FROM runbook.messages m`,
  );
  const [{ over = 0, unsent = 0, held = 0, untold = 0, ends = 0 } = {}] = rows;
  return (
    over === runs &&
    (open === true || ends === runs) &&
    untold === 0 &&
    unsent === (open ? held : 0)
  );
}
