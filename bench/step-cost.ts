import type { WorkflowHandle } from '@temporalio/client';
import type { Asked } from './counters.js';
import type { Bench } from './engine.js';
import { median } from './median.js';

/** One contestant: a way to run the same process so many times, one after the other. */
export interface Contestant {
  name: string;
  /** Milliseconds a step, one figure a round. */
  perStep: number[];
  /** Against the bare activity of the same round. */
  ratios: number[];
  /** Of one step; null where it does not have them. */
  events: number | null;
  asked: Asked | null;
  /** Milliseconds of processor time a step in this process, which is client and worker; one figure a round. */
  cpuMs: number[];
}

/** The same process run by a bare activity and by our step, taking turns, so that both meet the same machine. */
export async function stepCost(bench: Bench, steps: number, rounds: number): Promise<{ bare: Contestant; ours: Contestant }> {
  const contestant = (name: string): Contestant => ({ name, perStep: [], ratios: [], events: null, asked: null, cpuMs: [] });
  const bare = contestant('bare Temporal activity');
  const ours = contestant('our step');
  const starts = new Map<Contestant, () => Promise<WorkflowHandle>>([
    [bare, () => bench.bare(steps)],
    [ours, () => bench.startSteps(steps)],
  ]);
  const turn = async (who: Contestant): Promise<number> => {
    const start = starts.get(who) as () => Promise<WorkflowHandle>;
    const began = performance.now();
    const cpu = process.cpuUsage();
    const { result: handle, asked } = await bench.counters.during(async () => {
      const started = await start();
      await started.result();
      return started;
    });
    const perStep = (performance.now() - began) / steps;
    const { user, system } = process.cpuUsage(cpu);
    who.cpuMs.push((user + system) / 1_000 / steps);
    who.asked = asked;
    who.events = ((await handle.describe()).historyLength ?? 0) / steps;
    return perStep;
  };
  for (const who of [bare, ours]) await turn(who);
  for (let round = 0; round < rounds; round += 1) {
    for (const who of round % 2 === 0 ? [bare, ours] : [ours, bare]) who.perStep.push(await turn(who));
    ours.ratios.push((ours.perStep.at(-1) as number) / (bare.perStep.at(-1) as number));
    bare.ratios.push(1);
  }
  return { bare, ours };
}

/** What a step asked of the servers, in one line. */
export function askedText({ asked, events, cpuMs }: Contestant, steps: number): string {
  if (!asked) return '';
  const each = (count: number): string => (count / steps).toFixed(1);
  const requests = Object.values(asked.temporal).reduce((sum, count) => sum + count, 0);
  return [
    ...(events === null ? [] : [`${events.toFixed(1)} history events`]),
    `${each(requests)} requests to Temporal`,
    `${each(asked.statements)} to PostgreSQL`,
    `${each(asked.walSyncs)} log writes to its disk`,
    `${median(cpuMs).toFixed(1)} ms of processor in the worker`,
  ].join(', ');
}

/** `12.3 ms   1.23x`, the medians. */
export function costText({ perStep, ratios }: Contestant): string {
  const ratio = ratios.length > 0 ? `${median(ratios).toFixed(2)}x` : '';
  return `${`${median(perStep).toFixed(1)} ms`.padStart(10)} ${ratio.padStart(7)}`;
}
