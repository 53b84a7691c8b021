import { expect, test } from '@jest/globals';
import { killTellers } from './messages.js';
import { isLong, tell } from './tell.js';

/** The long form is `npm run chaos -- messages`: whole workers, and runs of the engine. */
const size = isLong ? { runs: 60, kills: 100, whole: true } : { runs: 6, kills: 10 };

test(
  'workers killed while they tell people: nobody is left untold; with claims that never expire, some are',
  async () => {
    const guarded = await killTellers(size);
    const open = await killTellers({ runs: 4, kills: 3, open: true });
    tell(
      `people told: ${guarded.kills} workers killed while they told, ${guarded.broken} requests broken, ${guarded.lost} of ${guarded.wanted} messages lost, ` +
        `${guarded.twice} taken twice, ${guarded.unmarked} repeated without saying so, ${guarded.seconds} s; ` +
        `claims that never expire: ${open.kills} killed, ${open.lost} of ${open.wanted} lost`,
    );
    expect(guarded).toMatchObject({ kills: size.kills, lost: 0, unmarked: 0 });
    expect(open.lost).toBeGreaterThan(0);
  },
  isLong ? 1_800_000 : 120_000,
);
