import { durationMs } from '../../language/duration.js';
import type { JsonObject } from '../../language/json.js';
import type { AnalysisLimits } from '../../language/kinds/delivery/analysis.js';
import { ProcedureStopped } from '../engine/outcome.js';

/** The inputs, in the form that the procedure needs. */
export interface Inputs {
  version: string;
  artefact: string | null;
  strategy: 'canary' | 'blue-green' | 'rolling';
  /** How many servers are replaced at a time; `rolling` behind a proxy only. */
  batch: number;
  /** Shares of the traffic in percent, the last one 100. */
  shares: number[];
  windowMs: number;
  watchMs: number;
  limits: AnalysisLimits;
  maxGrowth: number;
  readyMs: number;
  contract: 'ask' | 'later';
  notify: string | undefined;
}

/** @throws ProcedureStopped for shares that do not lead to 100 */
export function readInputs(inputs: JsonObject): Inputs {
  const ms = (name: string): number => durationMs(inputs[name] as string) ?? 0;
  return {
    version: inputs['version'] as string,
    artefact: (inputs['artefact'] as string | undefined) ?? null,
    strategy: inputs['strategy'] as Inputs['strategy'],
    batch: inputs['batch'] as number,
    shares: inputs['strategy'] !== 'canary' ? [100] : sharesOf(inputs['steps'] as string),
    windowMs: ms('window'),
    watchMs: ms('watch'),
    limits: {
      minRequests: inputs['min_requests'] as number,
      errorRate: inputs['max_error_rate'] as number,
      latency: inputs['max_latency'] as number,
    },
    maxGrowth: inputs['max_growth'] as number,
    readyMs: ms('ready_within'),
    contract: inputs['contract'] as Inputs['contract'],
    notify: inputs['notify'] as string | undefined,
  };
}

function sharesOf(text: string): number[] {
  const shares = text.split(',').map(Number);
  const rises = shares.every((share, index) => share > (shares[index - 1] ?? 0));
  if (rises && shares.at(-1) === 100) return shares;
  throw new ProcedureStopped(
    `the shares ${text} do not lead to 100 in growing steps`,
    'Give shares such as 10,50,100, each larger than the one before.',
  );
}
