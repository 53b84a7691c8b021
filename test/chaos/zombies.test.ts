import { expect, test } from '@jest/globals';
import { isLong, tell } from './tell.js';
import { zombies } from './zombies.js';

test(
  'a worker comes back after another one has taken its steps over: its writes are refused, the steps go on',
  async () => {
    const rounds = isLong ? 10 : 1;
    const { fenced, open, seconds } = await zombies(rounds);
    tell(
      `zombies: ${fenced.refused}/${fenced.zombies} refused, ${fenced.through} writes got through, ${fenced.twice} effects twice, ` +
        `${fenced.lost} lost, ${fenced.finished}/${fenced.zombies} finished, ${seconds} s; without the fence: ${open.through} got through`,
    );
    const all = 3 * rounds;
    expect(fenced).toEqual({ zombies: all, refused: all, through: 0, twice: 0, lost: 0, finished: all });
    expect(open.through).toBeGreaterThan(0);
  },
  isLong ? 900_000 : 120_000,
);
