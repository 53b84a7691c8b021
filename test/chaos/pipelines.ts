import type { WorkflowHandle } from '@temporalio/client';
import { declarationOf } from '../../lab/dbt/declaration.js';
import { Warehouse } from '../../lab/dbt/warehouse.js';
import { declaration } from '../../lab/strikes/declaration.js';
import { StrikesService } from '../../lab/strikes/service.js';
import { stepNames } from '../../lab/strikes/schema.js';
import type { Totals } from '../../lab/strikes/source.js';
import { until } from '../../lab/until.js';
import { randomFrom, type Random } from '../../testing/driver/random.js';
import { createTestDatabase } from '../helpers/database.js';
import { databaseAccess, RecoveryRuns } from '../helpers/recovery-runs.js';

/*
 * Pipelines that are only declared fail at random places, their data or claims are damaged, and the
 * worker that recovers them is killed. What is there at the end is compared with what the source
 * alone says.
 */

/** A failure, as it is told; and the end state that it may have. */
interface Failure {
  what: string;
  truth: Totals;
}

/** A pipeline in a state of failure, and by what it is judged. */
interface Victim {
  /** As a target for workers. */
  readonly target: object;
  readonly secrets: Record<string, string>;
  /** Fails anew, from an empty beginning. */
  fail(random: Random): Promise<Failure>;
  found(): Promise<Totals>;
  /** As a tired person would: where it failed, without a look. */
  resumeBlindly(): Promise<void>;
  stop(): Promise<void>;
}

export interface PipelinesResult {
  rounds: number;
  right: number;
  rowsTwice: number;
  rowsLost: number;
  workerKills: number;
  wrong: string[];
}

/** Steps in which the worker may die; the third is the gate. */
const deadly = ['corrupt', 'checkpoint', 'approve', 'quarantine', 'restart', 'follow', 'validate'];

const pick = <T>(random: Random, from: readonly T[]): T =>
  from[Math.floor(random() * from.length)] as T;
const upTo = (random: Random, limit: number): number => 1 + Math.floor(random() * limit);

/**
 * @param open a pipeline of its own
 * @param guarded through the runbook, whose worker dies in every second round; else without a look
 */
export async function pipelines(
  open: () => Promise<Victim>,
  { rounds, seed, guarded }: { rounds: number; seed: number; guarded: boolean },
  say: (line: string) => void,
): Promise<PipelinesResult> {
  const random = randomFrom(seed);
  const result: PipelinesResult = {
    ...{ rounds, right: 0, rowsTwice: 0, rowsLost: 0, workerKills: 0, wrong: [] },
  };
  const victim = await open();
  const { target, secrets } = victim;
  const recovery = guarded
    ? new RecoveryRuns(await RecoveryRuns.start({ targets: { victim: target }, secrets }))
    : undefined;
  try {
    for (let round = 1; round <= rounds; round += 1) {
      const { what, truth } = await victim.fail(random);
      const diesIn = round % 2 === 0 ? pick(random, deadly) : undefined;
      if (recovery) await recover(recovery, diesIn);
      else await victim.resumeBlindly();
      const found = await victim.found();
      const isRight = JSON.stringify(found) === JSON.stringify(truth);
      const how = `${what}${recovery && diesIn ? `, worker killed in ${diesIn}` : ''}`;
      result.right += isRight ? 1 : 0;
      result.rowsTwice += found.twice;
      result.rowsLost += Math.max(0, found.lost);
      result.workerKills += recovery && diesIn ? 1 : 0;
      if (!isRight) result.wrong.push(`${how}: ${JSON.stringify({ found, truth })}`);
      say(`round ${round}/${rounds}: ${how}: ${isRight ? 'right' : 'WRONG'}`);
    }
  } finally {
    await recovery?.stop();
    await victim.stop();
  }
  return result;
}

/** @param diesIn the step in which its worker is killed */
async function recover(recovery: RecoveryRuns, diesIn: string | undefined): Promise<void> {
  const handle = await recovery.run();
  const killed = diesIn === undefined ? undefined : killIn(recovery, handle, diesIn);
  if (diesIn === 'approve') await killed;
  await recovery.decide(handle);
  const view = await recovery.ended(handle, 'chaos of pipelines');
  await killed;
  if (view.state !== 'succeeded')
    throw new Error(`run ${handle.workflowId} ended ${view.state}: ${view.problem?.message}`);
}

async function killIn(recovery: RecoveryRuns, handle: WorkflowHandle, step: string) {
  await until(`step ${step} to begin`, async () => {
    const view = await recovery.status(handle).catch(() => undefined);
    return view && (view.endedAt !== null || recovery.stateOf(view, step) !== 'pending');
  });
  await recovery.replaceWorker();
}

/** A job API that writes in pieces, without transactions. */
export async function jobApi(): Promise<Victim> {
  const [rows, chunk] = [2_000, 200];
  const database = await createTestDatabase('victim');
  const service = await StrikesService.start({ databaseUrl: database.url, rows, chunk });
  const { postgres, password } = databaseAccess(database.url, 'password');
  let [failed, skipped]: [number, string[]] = [0, []];

  async function fail(random: Random): Promise<Failure> {
    if (random() < 0.2) {
      const { report } = pick(random, service.bookable());
      skipped = [report];
      failed = await service.brokenRun({ poison: report });
      service.faults = { poison: report };
      return { what: `poison ${report}`, truth: service.truth(skipped) };
    }
    skipped = [];
    const step = pick(random, stepNames);
    // From the second batch on there is something that can be damaged.
    const [at, written] = [1 + upTo(random, rows / chunk - 1), 20 * Math.floor(random() * 9)];
    failed = await service.brokenRun({ cutAt: { step, chunk: at, rows: written } });
    const cut = `cut in ${step}, batch ${at}, after ${written} rows`;
    const damage = damages[Math.floor(random() * (damages.length + 2))];
    if (!damage) return { what: cut, truth: service.truth() };
    const batch = upTo(random, at - 1);
    await service.query(damage.by(batch, upTo(random, 9)));
    return { what: `${cut}, then ${damage.what} in batch ${batch}`, truth: service.truth() };
  }

  return {
    target: {
      ...{ kind: 'pipeline', environment: 'test', pipeline: declaration },
      http: { address: service.url, bearer: 'token' },
      postgres,
    },
    secrets: { token: service.token, password },
    fail,
    found: () => service.found(skipped),
    resumeBlindly: () => service.resumeBlindly(failed),
    async stop() {
      await service.stop();
      await database.drop();
    },
  };
}

/** Some rows of a batch, to be deleted or changed. */
function someOf(table: string, batch: number, rows: number): string {
  return `ctid IN (SELECT ctid FROM ${table} WHERE "Chunk" = ${batch} LIMIT ${rows})`;
}

/** Writes some rows of a batch a second time. */
function twice(table: string, batch: number, rows: number): string {
  return `INSERT INTO ${table} SELECT * FROM ${table} WHERE "Chunk" = ${batch} LIMIT ${rows}`;
}

/** What else is wrong: in a batch that is done, with so many rows of it. */
const damages: readonly { what: string; by: (batch: number, rows: number) => string }[] = [
  {
    what: 'rows lost at the end',
    by: (batch, rows) =>
      `DELETE FROM wildlife."Strikes" WHERE ${someOf('wildlife."Strikes"', batch, rows)}`,
  },
  {
    what: 'rows lost in the middle',
    by: (batch, rows) =>
      `DELETE FROM wildlife.named WHERE ${someOf('wildlife.named', batch, rows)}`,
  },
  {
    what: 'rows twice at the end',
    by: (batch, rows) => twice('wildlife."Strikes"', batch, rows),
  },
  {
    what: 'rows twice in the middle',
    by: (batch, rows) => twice('wildlife.named', batch, rows),
  },
  {
    what: 'a sum changed',
    by: (batch) =>
      `UPDATE wildlife.named SET cost = cost + 1 WHERE ${someOf('wildlife.named', batch, 1)}`,
  },
  {
    what: 'a claim lost between others',
    by: (batch) => `DELETE FROM wildlife."Done" WHERE "Step" = 'named' AND "Chunk" = ${batch}`,
  },
  {
    what: 'claims lost',
    by: (batch) => `DELETE FROM wildlife."Done" WHERE "Chunk" >= ${batch}`,
  },
];

/** Reports that a dbt project had been built from before it failed. */
const yesterday = 1_900;

/** A dbt project. @param program its dbt */
export async function dbtProject(program: string): Promise<Victim> {
  const database = await createTestDatabase('victim');
  const warehouse = await Warehouse.create(program, database.url);
  const { postgres, password } = databaseAccess(database.url, 'password');

  async function fail(random: Random): Promise<Failure> {
    // Marts that are merely left as they were lack the reports of today.
    await warehouse.load(yesterday);
    await warehouse.dbt('build');
    await warehouse.load();
    if (random() < 0.25) {
      await warehouse.killedIn('build', '--vars', '{slow: 300}');
      await warehouse.endSessions();
      return { what: 'dbt killed in a model', truth: warehouse.truth() };
    }
    await warehouse.failInModel();
    const key = (offset: number): string =>
      `'BS-${String(upTo(random, 1_900) + offset).padStart(5, '0')}'`;
    const damage = pick(random, [
      { what: 'nothing else', by: 'SELECT 1' },
      { what: 'rows lost', by: `DELETE FROM strikes.int_named WHERE report > ${key(0)}` },
      {
        what: 'rows twice',
        by:
          `INSERT INTO strikes.int_named ` +
          `SELECT * FROM strikes.int_named WHERE report < ${key(40)}`,
      },
      {
        what: 'rows of nobody',
        by: `UPDATE strikes.stg_reports SET report = 'BS-9' || report WHERE report < ${key(40)}`,
      },
    ]);
    await warehouse.query(damage.by);
    return { what: `failed in a model, then ${damage.what}`, truth: warehouse.truth() };
  }

  return {
    target: {
      ...{ kind: 'pipeline', environment: 'test' },
      postgres,
      pipeline: declarationOf(program, warehouse.project),
    },
    secrets: { password },
    fail,
    found: () => warehouse.found(),
    resumeBlindly: async () => void (await warehouse.dbt('retry')),
    async stop() {
      await warehouse.remove();
      await database.drop();
    },
  };
}
