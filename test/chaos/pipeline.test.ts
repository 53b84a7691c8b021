import { expect, test } from '@jest/globals';
import { chaos } from '../../examples/demo/chaos.js';
import { tell } from './tell.js';

const options = { rows: 4_000, batch: 400, seed: 20_261_121, say: () => undefined };

test('the pipeline dies six times, the worker twice: six of six end right, no row twice, none lost', async () => {
  const guarded = await chaos({ ...options, rounds: 6 });
  const unguarded = await chaos({ ...options, rounds: 6, unguarded: true });
  tell(
    `pipeline: ${guarded.right} of 6 right, ${guarded.rowsTwice} twice, ${guarded.rowsLost} lost; without the runbook ` +
      `${unguarded.right} of 6 right, ${unguarded.rowsTwice} twice, ${unguarded.rowsLost} lost`,
  );
  expect(guarded).toMatchObject({ right: 6, rowsTwice: 0, rowsLost: 0, pipelineKills: 6, workerKills: 2 });
  // The guard switched off: the same counting must then find something.
  expect(unguarded.right).toBeLessThan(6);
  expect(unguarded.rowsTwice + unguarded.rowsLost).toBeGreaterThan(0);
}, 180_000);
