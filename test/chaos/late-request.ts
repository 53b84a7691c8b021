import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Proxy } from '../cli/proxy.js';
import { until } from '../../lab/until.js';
import type { TracedWrite } from './trace.js';
import { ChaosWorld } from './world.js';

/**
 * A worker claims a request that may not be sent twice, and stands still before it sends it.
 * Another worker takes the claim over, finds that nothing was sent, and sends it. Then the first
 * one wakes.
 * @param isFenced false: it is believed that it has the claim still
 * @returns how often the request arrived
 */
export async function lateRequest(isFenced: boolean): Promise<number> {
  const world = await ChaosWorld.start({
    workers: 1,
    settings: isFenced ? {} : { CHAOS_OFF: 'fence' },
  });
  const { engine } = world;
  const proxy = new Proxy(engine.address);
  try {
    await proxy.open();
    await engine.killWorkers();
    const trace = engine.path('trace.jsonl');
    const still = await engine.startWorker({
      CHAOS_STILL: '1',
      CHAOS_TRACE: trace,
      TEMPORAL_ADDRESS: proxy.address,
    });
    const run = `late-${randomUUID().slice(0, 8)}`;
    const envelope = engine.envelope(
      'chaos-steps',
      { kinds: 'post', rounds: 1, journal: world.journal },
      run,
    );
    const { taskQueue } = engine;
    const handle = await engine.client.workflow.start('chaos-steps', {
      workflowId: run,
      taskQueue,
      args: [envelope],
    });
    await until('it to stand still', () => stands(still.pid));
    // No more work goes to it.
    await proxy.cut();
    await engine.startWorker();
    const { state } = await engine.ended(handle);
    if (state !== 'succeeded') throw new Error(`${run} is ${state}`);
    process.kill(still.pid, 'SIGCONT');
    const gaveUp = async (): Promise<boolean> => {
      const lines = (await readFile(trace, 'utf8').catch(() => '')).split('\n').filter(Boolean);
      return lines.some((line) => (JSON.parse(line) as TracedWrite).name === 'attempts-end');
    };
    // Or without a word: after a long stand the SDK itself cancels the step, whose heartbeats are
    // overdue.
    await until('it to give up', gaveUp, 20_000).catch(() => undefined);
    return world.service.effects.filter((id) => id === `${run} post 1`).length;
  } finally {
    await engine.killWorkers();
    await world.stop();
    await proxy.cut();
  }
}

async function stands(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}
