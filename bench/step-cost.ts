import type { WorkflowHandle } from '@temporalio/client';
import type { Asked } from './counters.js';
import type { Bench } from './engine.js';
import { median } from './median.js';
import type { Peer } from './peers/python.js';

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
  /**
   * Milliseconds of processor time a step in this process, which is client and worker; one figure a
   * round.
   */
  cpuMs: number[];
}

/**
 * The same process run by a bare activity, by our step and by other tools, taking turns, so that
 * all meet the same machine.
 */
export async function stepCost(
  bench: Bench,
  steps: number,
  rounds: number,
  peers: readonly Peer[],
): Promise<Contestant[]> {
  const bare = contestant('bare Temporal activity');
  const ours = contestant('our step');
  const temporal =
    (who: Contestant, start: () => Promise<WorkflowHandle>) => async (): Promise<number> => {
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
  const turns = new Map<Contestant, () => Promise<number>>([
    [bare, temporal(bare, () => bench.bare(steps))],
    [ours, temporal(ours, () => bench.startSteps(steps))],
    ...peers.map(
      (peer) => [contestant(`${peer.name} ${peer.version}`), () => peer.round()] as const,
    ),
  ]);
  for (const who of [bare, ours]) await turns.get(who)?.();
  for (let round = 0; round < rounds; round += 1) {
    // Every other round the other way about: nobody is always the first after a slow one.
    const order = round % 2 === 0 ? [...turns] : [...turns].reverse();
    for (const [who, turn] of order) who.perStep.push(await turn());
    for (const who of turns.keys())
      who.ratios.push((who.perStep.at(-1) as number) / (bare.perStep.at(-1) as number));
  }
  return [...turns.keys()];
}

function contestant(name: string): Contestant {
  return { name, perStep: [], ratios: [], events: null, asked: null, cpuMs: [] };
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
