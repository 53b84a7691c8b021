import type { Analysis } from '../../common/delivery/analysis.js';
import { ProcedureStopped } from '../engine/outcome.js';
import type { Section } from '../engine/surface.js';
import type { Entrance } from './entrance.js';
import type { Inputs } from './inputs.js';

/** Looks at what users get from the recovered system. @throws ProcedureStopped when it is bad */
export async function watchOver(
  part: Section,
  entrance: Entrance,
  server: string,
  inputs: Inputs,
): Promise<void> {
  for (let window = Math.ceil(inputs.watchMs / inputs.windowMs); window > 0; window -= 1) {
    const found = (await part.step('measure', {
      action: {
        kind: 'analysis',
        target: entrance.target,
        candidate: server,
        windowMs: inputs.windowMs,
        patienceMs: inputs.windowMs,
        // No baseline to compare its speed with; `verify speed` has compared it with the old one.
        limits: {
          minRequests: inputs.minRequests,
          errorRate: inputs.maxErrorRate,
          latency: Number.MAX_SAFE_INTEGER,
        },
      },
    })) as Analysis | null;
    part.decide('judge', () => {
      if (found?.verdict === 'fail') {
        throw new ProcedureStopped(
          `users are not served well at ${server}: ${found.why}`,
          'The users are still there. Look at the tiers; a rollback shows the page again.',
        );
      }
      return {
        verdict: found?.verdict ?? 'passed over',
        why: found?.why ?? 'a person decided to go on',
      };
    });
  }
}
