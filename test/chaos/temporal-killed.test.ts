import { expect, test } from '@jest/globals';
import { isLong, tell } from './tell.js';
import { killTemporal } from './temporal-killed.js';

/** The long form goes on for five minutes. */
test(
  'the Temporal server is killed every few seconds: every accepted decision takes effect, no run is lost',
  async () => {
    const result = await killTemporal(
      isLong
        ? { runs: 200, width: 8, everyMs: 1_500, between: [3_000, 6_000] }
        : { runs: 20, width: 20, between: [1_000, 2_000], most: 5 },
    );
    tell(
      `temporal killed: ${result.kills} kills, ${result.right}/${result.runs} runs right, ${result.tookEffect}/${result.accepted} accepted ` +
        `decisions took effect, ${result.twice} effects twice, ${result.lost} lost, ${result.seconds} s`,
    );
    const { runs } = result;
    expect(result).toMatchObject({
      right: runs,
      accepted: runs / 2,
      tookEffect: runs / 2,
      twice: 0,
      lost: 0,
    });
    expect(result.kills).toBeGreaterThanOrEqual(isLong ? 40 : 2);
  },
  isLong ? 1_800_000 : 180_000,
);
