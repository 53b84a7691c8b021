import { expect, test } from '@jest/globals';
import { heartbeatMs, kills } from './kills.js';
import { isLong, tell } from './tell.js';

/** The long form is `npm run chaos:kills`: 20 runs, at least 1,000 effects, at least 50 kills. */
const size = isLong
  ? { runs: 20, rounds: 60, kills: 50, measured: 5 }
  : { runs: 3, rounds: 10, kills: 6, measured: 1 };
/** In milliseconds: longer nobody may be held up by a death. */
const mostHeldMs = heartbeatMs + 4_000;

test(
  'workers killed while they do a runbook that is a file: every effect happened once',
  async () => {
    const { runs, rounds, kills: times } = { ...size, runs: isLong ? 10 : 2 };
    const found = await kills({ runs, rounds, kills: times, fromFile: true });
    tell(
      `worker kills, runbooks as files: ${found.kills} over ${found.effects} effects, ${found.twice} twice, ` +
        `${found.lost} lost, ${found.finished}/${runs} finished, ${found.unknown} unknown, ${found.seconds} s`,
    );
    expect(found).toMatchObject({ twice: 0, lost: 0, finished: runs, unknown: 0 });
    expect(found.kills).toBeGreaterThan(0);
  },
  isLong ? 1_800_000 : 240_000,
);

test(
  'workers killed at any moment: every effect happened once; plain activities repeat some',
  async () => {
    const guarded = await kills(size);
    const bare = await kills({ runs: 4, rounds: 25, kills: isLong ? 8 : 6, bare: true });
    tell(
      `worker kills: ${guarded.kills} over ${guarded.effects} effects, ${guarded.twice} twice, ${guarded.lost} lost, ` +
        `${guarded.finished}/${size.runs} finished, ${guarded.unknown} unknown, everything goes on after ${guarded.standstillMs} ms at the latest, ${guarded.seconds} s; ` +
        `plain activities: ${bare.kills} over ${bare.effects} effects, ${bare.twice} twice`,
    );
    expect(guarded).toMatchObject({ twice: 0, lost: 0, finished: size.runs, unknown: 0 });
    expect(bare.twice).toBeGreaterThan(0);
    if (!isLong) return;
    expect(guarded.kills).toBeGreaterThanOrEqual(50);
    expect(guarded.standstillMs).toBeLessThanOrEqual(mostHeldMs);
  },
  isLong ? 1_800_000 : 240_000,
);
