import { expect, test } from '@jest/globals';
import { killOnOwnRecord } from './own-record.js';
import { points } from './points.js';
import { isLong, tell } from './tell.js';

test(
  "SQL on the record's own database: a worker dies around the effect, and effect and claim are both there or neither is",
  async () => {
    const times = isLong ? 25 : 1;
    const at = isLong ? points : (['after-effect', 'before-report'] as const);
    const { guarded, open, together, steps, seconds } = await killOnOwnRecord(times, at);
    tell(
      `SQL on the record's own database: ${guarded.deaths} deaths of steps in ${guarded.processes} of workers, ${guarded.twice} effects twice, ` +
        `${guarded.lost} lost, ${guarded.finished}/${guarded.runs} runs finished, unknown: ${guarded.unknown['sql'] ?? 'none'}, ` +
        `${together}/${steps} claims written with their effect, ${seconds} s; as two transactions: ${open.twice} twice`,
    );
    expect(guarded).toMatchObject({
      twice: 0,
      lost: 0,
      finished: guarded.runs,
      deaths: at.length * times,
      unknown: {},
    });
    expect(together).toBe(steps);
    expect(steps).toBe(guarded.steps);
    expect(open.twice).toBeGreaterThan(0);
  },
  isLong ? 900_000 : 120_000,
);
