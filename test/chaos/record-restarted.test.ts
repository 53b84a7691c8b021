import { expect, test } from '@jest/globals';
import { restartRecord } from './record-restarted.js';
import { isLong, tell } from './tell.js';

test(
  'the PostgreSQL of the record is restarted every few seconds: every run right, the record complete',
  async () => {
    const result = await restartRecord(
      isLong
        ? { runs: 500, width: 12, rounds: 2, between: [5_000, 10_000] }
        : { runs: 10, width: 10, rounds: 3, between: [1_000, 1_500], most: 4 },
    );
    tell(
      `record restarted: ${result.restarts} restarts, ${result.right}/${result.runs} runs right, ${result.twice} effects twice, ` +
        `${result.lost} lost, ${result.waits.length} people asked, ${result.gaps.length} gaps in the record, ${result.seconds} s`,
    );
    expect(result).toMatchObject({ right: result.runs, twice: 0, lost: 0, waits: [], gaps: [] });
    expect(result.restarts).toBeGreaterThanOrEqual(isLong ? 20 : 3);
  },
  isLong ? 1_800_000 : 180_000,
);
