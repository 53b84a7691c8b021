import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RunView } from '../../common/view.js';
import type { LoadReport } from '../../examples/web-system/load-client.js';
import type { JsonObject } from '../../language/json.js';
import { isLong, tell } from '../chaos/tell.js';
import { DeploymentWorld } from './world.js';

let world: DeploymentWorld;
beforeAll(async () => {
  world = await DeploymentWorld.start();
}, 60_000);
afterAll(() => world?.stop());

/** Deploys under load, and gives the one approval that is asked for. */
async function deployed(version: string, inputs: JsonObject = {}): Promise<{ view: RunView; users: LoadReport }> {
  const users = world.users();
  try {
    const run = await world.deploy(version, inputs);
    await world.approve(run);
    return { view: await world.engine.ended(run), users: await users.stop() };
  } finally {
    users.kill();
  }
}

test('a good release is deployed under load: nobody notices', async () => {
  const { view, users } = await deployed('2.0.0');
  expect(view).toMatchObject({ state: 'succeeded', problem: null });
  expect(users).toMatchObject({ failures: 0, failed: [] });
  expect(await world.serving()).toEqual(['2.0.0']);
}, 120_000);

test('a second deployment is refused while the first one is under way, and told who holds the service', async () => {
  const first = await world.deploy('3.0.0');
  await world.engine.waiting(first);
  const second = await world.deploy('3.0.1-slow', { on_busy: 'refuse' });
  expect(await world.engine.ended(second)).toMatchObject({
    state: 'failed',
    problem: { message: expect.stringContaining(`target shop is held by run ${first.workflowId}`) as unknown },
  });
  const verdict = await world.engine.send(first, await world.engine.decision(first, { verb: 'reject' }));
  expect(verdict.accepted).toBe(true);
  expect((await world.engine.ended(first)).state).toBe('rejected');
}, 60_000);

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
  { version: '3.0.1-crashes', found: /PAYMENTS_URL is missing/, state: 'rolled-back', harmed: 0 },
  { version: '3.0.1-never-ready', found: /waited 3 s in vain/, state: 'rolled-back', harmed: 0, long: true },
  { version: '3.0.1-unsafe-expand', found: /the running release would not work/, state: 'failed', harmed: 0 },
  { version: '3.0.1-needs-schema', found: /the next release would not work/, state: 'failed', harmed: 0, long: true },
  // It fails one request in ten, and had one in ten: of all requests not more than one in fifty may have met it.
  { version: '3.0.1-fails', found: /with 10 % of the traffic: \d+ of \d+ requests failed/, state: 'rolled-back', harmed: 0.02 },
  { version: '3.0.1-slow', found: /with 10 % of the traffic: its p95 is/, state: 'rolled-back', harmed: 0 },
  { version: '3.0.1-leaks', found: /its memory grew/, state: 'rolled-back', harmed: 0, inputs: { watch: '8s', max_latency: 50 } },
];

describe('a bad release is found and taken back by itself', () => {
  test.each(cases.filter(({ long }) => isLong || !long))(
    '$version',
    async ({ version, found, state, harmed, inputs }) => {
      const { view, users } = await deployed(version, inputs);
      tell(`${version}: ${users.failures} of ${users.requests} requests failed; ${view.problem?.message}`);
      expect(view.state).toBe(state);
      expect(view.problem?.message).toMatch(found);
      expect(users.failures / users.requests).toBeLessThanOrEqual(harmed);
      expect(await world.serving()).toEqual(['2.0.0']);
    },
    120_000,
  );
});
