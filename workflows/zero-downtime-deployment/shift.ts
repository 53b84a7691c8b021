import { leaks, type Analysis } from '../../common/delivery/analysis.js';
import type { AnalysisAction, AnalysisNumbers } from '../../language/kinds/delivery/analysis.js';
import type { Section } from '../engine/surface.js';
import type { Deployer } from './deployer.js';
import { measureWithWeights, type Weights } from './measure-with-weights.js';
import { judged } from './judge.js';
import type { Places, trafficFor } from './pool.js';
import type { Inputs } from './inputs.js';

export interface Deployment {
  service: string;
  inputs: Inputs;
  places: Places;
  deployer: Deployer;
  traffic: ReturnType<typeof trafficFor>;
}

/**
 * The baseline: the running version before the new one got its first request; null when there was
 * too little traffic.
 */
export type Baseline = AnalysisNumbers | null;

/** The weights that the proxy gets, one after the other, while the traffic shifts. */
export function shifting(traffic: Deployment['traffic'], { shares }: Pick<Inputs, 'shares'>) {
  const [leave, enter] = [traffic.leave(), traffic.enter()];
  return {
    hold: { action: leave, undo: leave },
    // In, out and in again: proves the way back before it is needed, and the old version stays
    // warm.
    rehearse: [enter, leave, enter].map((action) => ({ action, undo: leave })),
    weight: shares.map((share) => ({ action: traffic.share(share), undo: traffic.back() })),
  };
}

/** All of it to the new version, and back. */
export function shifted(traffic: Deployment['traffic']): Weights {
  return { action: traffic.share(100), undo: traffic.back() };
}

/**
 * Raises the new version's share step by step, and measures at each what users get.
 * @throws ProcedureStopped when it is bad
 */
export async function shiftTraffic(part: Section, deployment: Deployment): Promise<Baseline> {
  const { inputs, places, deployer, traffic } = deployment;
  await part.step('smoke', { action: deployer.smoke(places.next.server) });
  const { hold, rehearse, weight } = shifting(traffic, inputs);
  const measureOld = measureWithWeights(part, hold, { tell: 'hold', measure: 'baseline' });
  const before = await measureOld(measuring(deployment, { candidate: places.old.server }));
  const baseline = numbers(before);
  for (const weights of rehearse) await part.step('rehearse', weights);
  for (const [index, share] of inputs.shares.entries()) {
    const measure = measureWithWeights(part, weight[index] as Weights);
    const found = await measure(
      measuring(deployment, {
        candidate: places.next.server,
        ...(share < 100 ? { baseline: places.old.server } : {}),
        before: baseline,
      }),
    );
    part.decide('judge', () => judged(found, `with ${share} % of the traffic`));
  }
  return baseline;
}

/**
 * Watches the new version with all of the traffic, one window after the other.
 * @param weights that the proxy has to keep meanwhile
 * @throws ProcedureStopped when it is bad
 */
export async function watchOver(
  part: Section,
  inputs: Inputs,
  action: AnalysisAction,
  weights: Weights,
): Promise<void> {
  const memory: number[] = [];
  const measure = measureWithWeights(part, weights);
  for (let window = Math.ceil(inputs.watchMs / inputs.windowMs); window > 0; window -= 1) {
    const found = await measure(action);
    const bytes = numbers(found)?.memoryBytes ?? null;
    if (bytes !== null) memory.push(bytes);
    part.decide('judge', () =>
      judged(found, 'while it was watched', leaks(memory, inputs.maxGrowth)),
    );
  }
}

/** What one window measures, and which version each side runs. */
export function measuring(
  { service, inputs, places: { old } }: Deployment,
  what: Pick<AnalysisAction, 'candidate' | 'baseline' | 'before'>,
): AnalysisAction {
  const candidate = what.candidate === old.server ? old.version : inputs.version;
  return measurementOf(service, inputs, {
    ...what,
    versions: { candidate, baseline: old.version },
  });
}

/** One window of the length, and with the limits, that the inputs say. */
export function measurementOf(
  target: string,
  { windowMs, limits }: Pick<Inputs, 'windowMs' | 'limits'>,
  what: Pick<AnalysisAction, 'candidate' | 'baseline' | 'before' | 'versions'>,
): AnalysisAction {
  return { kind: 'analysis', target, windowMs, patienceMs: windowMs, limits, ...what };
}

export function numbers(found: unknown): AnalysisNumbers | null {
  return (found as Analysis | null)?.candidate ?? null;
}
