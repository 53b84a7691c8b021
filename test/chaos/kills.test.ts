import { expect, test } from '@jest/globals';
import { kills } from './kills.js';
import { isLong, tell } from './tell.js';

/** The long form is `npm run chaos:kills`: 20 runs, at least 1,000 effects, at least 50 kills. */
const size = isLong ? { runs: 20, rounds: 34, kills: 50 } : { runs: 4, rounds: 12, kills: 8 };

test(
  'workers killed at any moment: every effect happened once; plain activities repeat some',
  async () => {
    const guarded = await kills(size);
    const bare = await kills({ runs: 4, rounds: 25, kills: 8, bare: true });
    tell(
      `worker kills: ${guarded.kills} over ${guarded.effects} effects, ${guarded.twice} twice, ${guarded.lost} lost, ` +
        `${guarded.finished}/${size.runs} finished, ${guarded.unknown} unknown, ${guarded.seconds} s; ` +
        `plain activities: ${bare.kills} over ${bare.effects} effects, ${bare.twice} twice`,
    );
    expect(guarded).toMatchObject({ twice: 0, lost: 0, finished: size.runs, unknown: 0 });
    expect(bare.twice).toBeGreaterThan(0);
    if (isLong) expect(guarded.kills).toBeGreaterThanOrEqual(50);
  },
  isLong ? 1_800_000 : 240_000,
);
