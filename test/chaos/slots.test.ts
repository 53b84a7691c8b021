import { expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { taskPriority } from '../../common/start-options.js';
import type { Priority } from '../../language/runbook.js';
import { tell } from '../chaos/tell.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';
import { nothing } from '../helpers/shell.js';
import { plainRunbook } from '../helpers/plain-runbook.js';

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

    expect(await engine.cancel(busy)).toMatchObject({ accepted: true });
    expect((await engine.ended(busy)).state).toBe('cancelled');
  } finally {
    await engine.stop();
  }
}, 60_000);

const tenSteps = (id: string, priority: Priority) =>
  plainRunbook({
    id,
    priority,
    steps: Array.from({ length: 10 }, (_, index) => ({
      ...{ id: `s${index + 1}`, title: `Step ${index + 1}`, kind: 'command', effect: 'read' },
      work: { action: { kind: 'command', argv: ['/bin/sleep', '0.1'] } },
    })),
  });

test('in a storm larger than the slots, a CRITICAL run comes first at each of its steps', async () => {
  const engine = await Engine.start({
    workers: 1,
    plans: [tenSteps('calm', 'LOW'), tenSteps('urgent', 'CRITICAL')],
    settings: { RUNBOOK_MAX_STEPS: '2' },
  });
  try {
    const started = new Map<string, number>();
    const begin = async (runbook: string, priority: Priority): Promise<WorkflowHandle> => {
      const handle = await engine.run(runbook, {}, taskPriority(priority));
      started.set(handle.workflowId, Date.now());
      return handle;
    };
    const storm = await Promise.all(Array.from({ length: 12 }, () => begin('calm', 'LOW')));
    await until('the storm to rage', async () => {
      const views = await Promise.all(storm.map((run) => engine.status(run).catch(() => null)));
      return views.every((view) => view !== null);
    });
    // The second one is the guard switched off: the same runbook, which Temporal does not know to
    // be urgent.
    const [on, off] = await Promise.all([begin('urgent', 'CRITICAL'), begin('urgent', 'LOW')]);
    const times = async (run: WorkflowHandle): Promise<{ first: number; tenth: number }> => {
      const { steps } = await engine.ended(run);
      const after = (index: number): number =>
        Date.parse(steps[index]?.endedAt ?? '') - (started.get(run.workflowId) ?? 0);
      return { first: after(0), tenth: after(9) };
    };
    const [urgent, unknown] = [await times(on), await times(off)];
    const calm = await Promise.all(storm.map(times));
    const middle = calm.map(({ tenth }) => tenth).sort((a, b) => a - b)[6] ?? 0;
    tell(
      `two slots, 12 LOW runs of ten steps (the middle one took ${middle} ms): CRITICAL has its first step after ${urgent.first} ms and its tenth after ${urgent.tenth} ms; without its priority after ${unknown.first} and ${unknown.tenth} ms`,
    );
    // Eager dispatch gives every run some steps out of turn, so the lead varies: 1.8 to 2.7 times.
    expect(urgent.tenth * 1.25).toBeLessThan(unknown.tenth);
    expect((await on.describe()).raw.workflowExecutionInfo?.priority?.priorityKey).toBe(1);
  } finally {
    await engine.stop();
  }
}, 120_000);
