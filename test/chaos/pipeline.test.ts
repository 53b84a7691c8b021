import { expect, test } from '@jest/globals';
import { chaos } from '../../examples/demo/chaos.js';
import { tell } from './tell.js';

const options = { rows: 2_000, batch: 200, seed: 20_261_121, say: () => undefined };

test('the pipeline dies three times, the worker once: all end right, no row twice, none lost', async () => {
  const guarded = await chaos({ ...options, rounds: 3 });
  const unguarded = await chaos({ ...options, rounds: 2, unguarded: true });
  tell(
    `pipeline: ${guarded.right} of 3 right, ${guarded.rowsTwice} twice, ${guarded.rowsLost} lost; without the runbook ` +
      `${unguarded.right} of 2 right, ${unguarded.rowsTwice} twice, ${unguarded.rowsLost} lost`,
  );
  expect(guarded).toMatchObject({
    right: 3,
    rowsTwice: 0,
    rowsLost: 0,
    pipelineKills: 3,
    workerKills: 1,
  });
  // The guard switched off: the same counting must then find something.
  expect(unguarded.right).toBeLessThan(2);
  expect(unguarded.rowsTwice + unguarded.rowsLost).toBeGreaterThan(0);
}, 180_000);
