import { expect, test } from '@jest/globals';
import { longLoopOf, sizes } from './history-size.js';
import { isLong, tell } from './tell.js';

const options = isLong
  ? { steps: 5_000, stdoutMb: 200, stderrLines: 100_000, refusals: 10_000 }
  : { steps: 50, stdoutMb: 20, stderrLines: 10_000, refusals: 100 };
/** Where Temporal suggests to continue as new. */
const suggested = 4_096;
/** Where Temporal begins to warn of a payload, in bytes. */
const warned = 512 * 1024;

test(
  'a long loop, large outputs and many refused approvals: histories and payloads stay small, everything is done once',
  async () => {
    const { loop, output, gate, seconds } = await sizes(options);
    tell(
      `history: ${options.steps} steps in ${loop.executions} executions of at most ${loop.events} events, ${loop.twice} twice, ${loop.lost} lost; ` +
        `${options.stdoutMb} MB of stdout and ${options.stderrLines} lines of stderr in ${output.attempts} attempts; ` +
        `${gate.refused} approvals refused in ${gate.executions} executions of at most ${gate.events} events, then a good one; ` +
        `largest payload ${Math.max(loop.payload, output.payload, gate.payload)} bytes, TMPRL1103: ${loop.tooLarge + output.tooLarge + gate.tooLarge}, ${seconds} s`,
    );
    expect(loop).toMatchObject({ state: 'succeeded', twice: 0, lost: 0 });
    expect(output).toMatchObject({ state: 'succeeded', times: 2, attempts: 2 });
    expect(output.bytes).toBeGreaterThan(options.stdoutMb * 1024 * 1024);
    expect(gate).toMatchObject({ state: 'succeeded', refused: options.refusals, recorded: 1 });
    for (const each of [loop, output, gate]) {
      expect(each.tooLarge).toBe(0);
      expect(each.payload).toBeGreaterThan(0);
      expect(each.payload).toBeLessThan(warned);
      expect(each.events).toBeLessThan(suggested);
    }
  },
  isLong ? 1_800_000 : 120_000,
);

if (isLong) {
  test('without borders of its own a run grows as long as Temporal lets it', async () => {
    const loop = await longLoopOf(1_000, { CHAOS_OFF: 'border' });
    tell(
      `history without borders: 1000 steps in ${loop.executions} executions of at most ${loop.events} events`,
    );
    expect(loop.events).toBeGreaterThanOrEqual(suggested);
  }, 600_000);
}
