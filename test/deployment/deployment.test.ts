import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RunView } from '../../common/view.js';
import type { LoadReport } from '../../examples/web-system/load-client.js';
import type { JsonObject } from '../../language/json.js';
import { DeploymentWorld } from './world.js';

let world: DeploymentWorld;
beforeAll(async () => {
  world = await DeploymentWorld.start('haproxy');
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

const stateOf = (view: RunView, step: string): string | undefined => view.steps.find(({ id }) => id === step)?.state;

test('a good release is deployed under load: nobody notices', async () => {
  const { view, users } = await deployed('2.0.0');
  expect(view).toMatchObject({ state: 'succeeded', problem: null });
  expect(users).toMatchObject({ failures: 0, failed: [] });
  expect(await world.serving()).toEqual(['2.0.0']);
}, 120_000);

describe('a bad release is found and taken back by itself', () => {
  const cases: [version: string, at: string, state: RunView['state'], inputs?: JsonObject][] = [
    ['3.0.1-crashes', 'start', 'rolled-back'],
    ['3.0.1-never-ready', 'verify/ready', 'rolled-back'],
    ['3.0.1-unsafe-expand', 'backup/rehearse', 'failed'],
    ['3.0.1-fails', 'shift/judge', 'rolled-back'],
    ['3.0.1-slow', 'shift/judge', 'rolled-back'],
    ['3.0.1-leaks', 'watch/judge', 'rolled-back', { window: '1s', watch: '8s' }],
    ['3.0.1-needs-schema', 'backup/rehearse', 'failed'],
  ];
  test.each(cases)(
    '%s, at %s',
    async (version, at, state, inputs) => {
      const { view, users } = await deployed(version, inputs);
      process.stderr.write(
        `${version}: ${view.problem?.message}; ${users.failures} of ${users.requests} requests failed; steps ${JSON.stringify(view.steps.filter((s) => s.state === 'failed').map((s) => s.id))}\n`,
      );
      expect(view.state).toBe(state);
      expect(stateOf(view, at)).toBe('failed');
      expect(await world.serving()).toEqual(['2.0.0']);
    },
    120_000,
  );
});
