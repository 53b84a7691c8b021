import { expect, test } from '@jest/globals';
import { killAtPoints } from './kill-points.js';
import { points } from './points.js';
import { countedKinds } from './specs.js';
import { isLong, tell } from './tell.js';

/** The short form leaves out those between which the others lie. */
const named = ['before-claim', 'after-claim', 'after-effect', 'before-report'] as const;

test(
  'a worker dies before and after the claim, in and after the effect, before it reports: once each, or unknown',
  async () => {
    const times = isLong ? 25 : 1;
    const at = isLong ? points : named;
    const { guarded, open, seconds } = await killAtPoints(times, at);
    const unknown = Object.entries(guarded.unknown).map(([kind, count]) => `${kind} ${count}`);
    tell(
      `fail-points: ${guarded.deaths} deaths of steps in ${guarded.processes} of workers, ${guarded.twice} effects twice, ${guarded.lost} lost, ` +
        `${guarded.finished}/${guarded.runs} runs finished, unknown: ${unknown.join(', ') || 'none'}, ${seconds} s; ` +
        `without claims: ${open.twice} twice`,
    );
    expect(guarded).toMatchObject({
      twice: 0,
      lost: 0,
      finished: guarded.runs,
      deaths: countedKinds.length * at.length * times,
    });
    // Only of a request that may not be sent twice can nobody know.
    expect(Object.keys(guarded.unknown).filter((kind) => kind !== 'post')).toEqual([]);
    expect(guarded.unknown['post']).toBeGreaterThan(0);
    expect(open.twice).toBeGreaterThan(0);
  },
  isLong ? 1_800_000 : 180_000,
);
