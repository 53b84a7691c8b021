import { expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { getAttempts } from '../../store/index.js';
import { until } from '../../lab/until.js';
import { ChaosWorld } from './world.js';

test('cancelled while a request is under way that may not be sent twice: the run ends, and says that nobody knows', async () => {
  const world = await ChaosWorld.start({ workers: 1 });
  const { engine, service } = world;
  try {
    const run = `cancelled-${randomUUID().slice(0, 8)}`;
    const inputs = { kind: 'post', journal: world.journal, release: '', lock: 0 };
    const envelope = engine.envelope('chaos-held', inputs, run);
    const { taskQueue } = engine;
    const handle = await engine.client.workflow.start('chaos-held', {
      workflowId: run,
      taskQueue,
      args: [envelope],
    });
    await until('the request', () => Promise.resolve(service.waiting === 1));
    const verdict = await engine.send(handle, {
      version: 1,
      id: randomUUID(),
      run,
      verb: 'cancel',
      by: 'requester',
      reason: 'wrong night',
    });
    expect(verdict.accepted).toBe(true);
    const view = await engine.ended(handle);
    expect(view).toMatchObject({ state: 'cancelled', waitingFor: [] });
    expect(view.steps.find(({ id }) => id === 'post')?.state).toBe('unknown');
    expect((await getAttempts(engine.pool, run)).map(({ state }) => state)).toEqual(['unknown']);
    expect(service.effects).toEqual([`${run} post 1`]);
  } finally {
    await world.stop();
  }
}, 60_000);
