import { expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Engine } from '../helpers/engine.js';
import { until } from '../helpers/until.js';

const nothing = JSON.stringify(['/usr/bin/true']);

test('with all slots of the worker taken by a long step, runs are started, decided, and told to end', async () => {
  const engine = await Engine.start({ workers: 1, settings: { RUNBOOK_MAX_STEPS: '1' } });
  try {
    const busy = await engine.run('test-commands', {
      first: JSON.stringify(['/bin/sleep', '300']),
      second: nothing,
    });
    await until(
      'the step to run',
      async () => (await engine.status(busy).catch(() => null))?.steps[0]?.state === 'running',
    );
    const gated = await engine.run('test-gated', {
      journal: engine.path(randomUUID()),
      last: nothing,
      first_change: false,
    });
    expect(
      await engine.send(gated, await engine.decision(gated, { verb: 'reject' })),
    ).toMatchObject({ accepted: true });
    expect((await engine.ended(gated)).state).toBe('rejected');

    const cancel = {
      version: 1,
      id: randomUUID(),
      run: busy.workflowId,
      verb: 'cancel',
      by: 'requester',
      reason: 'wrong',
    } as const;
    expect(await engine.send(busy, cancel)).toMatchObject({ accepted: true });
    expect((await engine.ended(busy)).state).toBe('cancelled');
  } finally {
    await engine.stop();
  }
}, 60_000);
