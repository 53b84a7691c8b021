import { expect, test } from '@jest/globals';
import { longCommand } from './long-command.js';
import { isLong, tell } from './tell.js';
import { trees, type TreeResult } from './trees.js';

test(
  'trees of processes that do not listen to TERM, cancelled or out of time: nobody lives two seconds beyond the grace',
  async () => {
    const count = isLong ? 20 : 4;
    const { cancelled, timedOut, seconds } = await trees(count);
    const all = [cancelled, timedOut];
    const sum = (key: keyof TreeResult): number =>
      all.reduce((total, each) => total + each[key], 0);
    tell(
      `trees: ${sum('trees') - sum('survived')}/${count} ended whole, ${sum('survivors')} of ${sum('processes')} processes survived, ` +
        `the last one ended ${cancelled.slowestMs} ms after the cancellation, ${timedOut.slowestMs} ms after the time was over, ${seconds} s`,
    );
    expect(all.map(({ survivors }) => survivors)).toEqual([0, 0]);
    expect(sum('trees')).toBe(count);
    expect(sum('processes')).toBeGreaterThan(count * 6);
  },
  isLong ? 300_000 : 90_000,
);

// Its short form, of 12 s, is in test/deaths/commands.test.ts.
if (isLong) {
  test('a command of 60 s whose worker is killed three times runs once, its output complete to the byte', async () => {
    const result = await longCommand(600, [60, 220, 400]);
    tell(
      `long command: started ${result.started} times over ${result.kills} worker kills, ${result.bytes} of ${result.expectedBytes} bytes of ` +
        `output, ${result.same ? 'the same' : 'not the same'} to the byte, ${result.seconds} s`,
    );
    expect(result).toMatchObject({
      started: 1,
      kills: 3,
      same: true,
      state: 'succeeded',
      attempts: 1,
      whole: 1,
    });
  }, 300_000);
}
