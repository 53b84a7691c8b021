import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { RunView } from '../../common/view.js';
import type { LoadReport } from '../../lab/web-system/load-report.js';
import { webTarget } from '../../lab/web-system/target.js';
import type { JsonObject } from '../../language/json.js';
import { getAttempts } from '../../store/index.js';
import { isLong, tell } from '../chaos/tell.js';
import { recordHistory } from '../helpers/history.js';
import { until } from '../../lab/until.js';
import { DeploymentWorld } from './world.js';

let world: DeploymentWorld;
beforeAll(async () => {
  world = await DeploymentWorld.start();
}, 60_000);
afterAll(() => world?.stop());

/** Deploys under load, and gives the one approval that is asked for. */
async function deployed(
  version: string,
  inputs: JsonObject = {},
): Promise<{ view: RunView; users: LoadReport }> {
  const users = world.users();
  try {
    const run = await world.deploy(version, inputs);
    await world.approve(run);
    return { view: await world.engine.ended(run), users: await users.stop() };
  } finally {
    users.kill();
  }
}

test('a good release is deployed under load: nobody notices; a second deployment waits for it, then looks at what runs by then', async () => {
  const { engine } = world;
  const users = world.users();
  try {
    const first = await world.deploy('2.0.0');
    await engine.waiting(first);
    const second = await world.deploy('3.0.0', { on_busy: 'wait' });
    const held = new RegExp(`target shop is held by run ${first.workflowId} \\(.* since \\d{4}-`);
    expect(await engine.waiting(second)).toMatchObject({
      kind: 'lease',
      title: 'another run has shop',
      evidence: { 'who has it': expect.stringMatching(held) as unknown },
    });
    await world.approve(first);
    expect(await engine.ended(first)).toMatchObject({ state: 'succeeded', problem: null });
    await recordHistory(first, 'zero-downtime-deployment, good');
    await world.expectUnnoticed(await users.stop());
    expect(await world.serving()).toEqual(['2.0.0']);

    const gate = await until('the second one to come to its gate', async () =>
      (await engine.status(second)).waitingFor.find(({ kind }) => kind === 'approval'),
    );
    expect(gate.evidence).toMatchObject({ version: '3.0.0', 'runs now': '2.0.0 on green' });
    await engine.send(second, await engine.decision(second, { verb: 'reject' }));
    expect((await engine.ended(second)).state).toBe('rejected');
  } finally {
    users.kill();
  }
}, 120_000);

test('a second deployment is refused while the first one is under way, and told who holds the service', async () => {
  const first = await world.deploy('3.0.0');
  await world.engine.waiting(first);
  const second = await world.deploy('3.0.1-slow', { on_busy: 'refuse' });
  expect(await world.engine.ended(second)).toMatchObject({
    state: 'failed',
    problem: {
      message: expect.stringContaining(`target shop is held by run ${first.workflowId}`) as unknown,
    },
  });
  const verdict = await world.engine.send(
    first,
    await world.engine.decision(first, { verb: 'reject' }),
  );
  expect(verdict.accepted).toBe(true);
  expect((await world.engine.ended(first)).state).toBe('rejected');
}, 60_000);

/** How long the transaction holds the table that the migration changes, in milliseconds. */
const heldMs = 3_000;

/**
 * Deploys a release that ends at its start, while a long transaction reads the table that its
 * expand migration changes.
 */
async function deployedBesideReader(settings: Record<string, string> = {}) {
  const { engine, system } = world;
  webTarget(system, settings);
  const users = world.users(100);
  const reader = new pg.Client(system.databaseUrl);
  await reader.connect();
  try {
    const run = await world.deploy('3.0.1-crashes');
    await engine.waiting(run);
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM customers');
    users.phase('held');
    await world.approve(run);
    await until(
      'the migration to want the table',
      async () => {
        const { rowCount } = await reader.query(
          `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'customers'::regclass AND mode = 'AccessExclusiveLock'`,
        );
        return rowCount;
      },
      60_000,
      20,
    );
    await delay(heldMs);
    await reader.query('COMMIT');
    const view = await engine.ended(run);
    await recordHistory(run, 'zero-downtime-deployment, rolled back');
    const expand = (await getAttempts(engine.pool, run.workflowId)).find(
      ({ step, undo }) => step === 'migrate/expand' && !undo,
    );
    const { phases, failures } = await users.stop();
    return { view, expand, failures, slowestMs: Math.round(phases['held']?.max ?? 0) };
  } finally {
    users.kill();
    await reader.end();
    webTarget(system);
  }
}

test('an expand migration whose table is held by a long transaction lets users pass, and is done when that has ended', async () => {
  const short = await deployedBesideReader();
  const endless = await deployedBesideReader({ WEB_LOCK_TIMEOUT_MS: '0' });
  tell(
    `expand beside a transaction of ${heldMs / 1_000} s: slowest answer ${short.slowestMs} ms, ${short.failures} failed; ` +
      `without a lock time-out ${endless.slowestMs} ms, ${endless.failures} failed`,
  );
  for (const { view, expand } of [short, endless]) {
    expect(expand).toMatchObject({
      state: 'succeeded',
      output: { stdout: expect.stringContaining('0302-validate.sql') },
    });
    // It is bad, and was undone with its migration.
    expect(view).toMatchObject({
      state: 'rolled-back',
      problem: { message: expect.stringContaining('PAYMENTS_URL is missing') },
    });
  }
  expect(short.failures).toBe(0);
  expect(short.expand?.output).toMatchObject({
    stdout: expect.not.stringContaining('"waitedForLocks":0'),
  });
  expect(short.slowestMs).toBeLessThan(heldMs / 2);
  expect(endless.slowestMs).toBeGreaterThan(0.8 * heldMs);
  expect(await world.serving()).toEqual(['2.0.0']);
}, 120_000);

interface Case {
  version: string;
  /** What the run says of it. */
  found: RegExp;
  state: RunView['state'];
  /** Share of users' requests that may have failed at most. */
  harmed: number;
  inputs?: JsonObject;
  /** Another kind stands for it in the short form. */
  long?: true;
}

const cases: Case[] = [
  {
    version: '3.0.1-crashes',
    found: /PAYMENTS_URL is missing/,
    state: 'rolled-back',
    harmed: 0,
    long: true,
  },
  {
    version: '3.0.1-never-ready',
    found: /waited [\d.]+ s in vain/,
    state: 'rolled-back',
    harmed: 0,
    long: true,
  },
  {
    version: '3.0.1-unsafe-expand',
    found: /the running release would not work/,
    state: 'failed',
    harmed: 0,
  },
  {
    version: '3.0.1-needs-schema',
    found: /the next release would not work/,
    state: 'failed',
    harmed: 0,
    long: true,
  },
  // It fails one request in ten, and had one in ten: of all requests not more than one in fifty may
  // have met it.
  {
    version: '3.0.1-fails',
    found: /with 10 % of the traffic: \d+ of \d+ requests failed/,
    state: 'rolled-back',
    harmed: 0.02,
    // Three failures are the least that say anything, and one request in ten fails.
    inputs: { window: '3s', min_requests: 50 },
  },
  {
    version: '3.0.1-slow',
    found: /with 10 % of the traffic: its p95 is/,
    state: 'rolled-back',
    harmed: 0,
    inputs: { window: '3s' },
    long: true,
  },
  {
    version: '3.0.1-leaks',
    found: /its memory grew/,
    state: 'rolled-back',
    harmed: 0,
    inputs: { watch: '8s', max_latency: 50 },
    long: true,
  },
];

describe('a bad release is found and rolled back by itself', () => {
  test.each(cases.filter(({ long }) => isLong || !long))(
    '$version',
    async ({ version, found, state, harmed, inputs }) => {
      const { view, users } = await deployed(version, inputs);
      tell(
        `${version}: ${users.failures} of ${users.requests} requests failed; ${view.problem?.message}`,
      );
      expect(view.state).toBe(state);
      expect(view.problem?.message).toMatch(found);
      expect(users.failures / users.requests).toBeLessThanOrEqual(harmed);
      expect(await world.serving()).toEqual(['2.0.0']);
    },
    120_000,
  );
});
