import type { WorkflowHandle } from '@temporalio/client';
import type { Bench } from './engine.js';

export interface StepCost {
  /** Milliseconds a step, one figure a round. */
  bare: number[];
  ours: number[];
  ratios: number[];
  eventsPerStep: number;
}

/** The same process run by a bare activity and by our step, taking turns, so that both meet the same machine. */
export async function stepCost(bench: Bench, steps: number, rounds: number): Promise<StepCost> {
  const timed = async (start: () => Promise<WorkflowHandle>): Promise<{ perStep: number; handle: WorkflowHandle }> => {
    const began = performance.now();
    const handle = await start();
    await handle.result();
    return { perStep: (performance.now() - began) / steps, handle };
  };
  const bare = () => timed(() => bench.bare(steps));
  const ours = () => timed(() => bench.start('bench-steps', { count: steps }));
  await bare();
  await ours();

  const cost: StepCost = { bare: [], ours: [], ratios: [], eventsPerStep: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const plain = await bare();
    const durable = await ours();
    cost.bare.push(plain.perStep);
    cost.ours.push(durable.perStep);
    cost.ratios.push(durable.perStep / plain.perStep);
    cost.eventsPerStep = ((await durable.handle.describe()).historyLength ?? 0) / steps;
  }
  return cost;
}
