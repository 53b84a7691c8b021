import { expect, test } from '@jest/globals';
import type { SlotPermit } from '@temporalio/worker';
import { StepSlots } from '../../../worker/step-slots.js';

const ask = {} as never;
const patient = new AbortController().signal;

test('never more steps at once than the limit, polled and handed together; who waits for a slot gets the next one', async () => {
  const slots = new StepSlots(2);
  const [polled, handed] = [slots.polled(), slots.eager()];
  await polled.reserveSlot(ask, patient);
  const second = handed.tryReserveSlot(ask);
  expect(second).not.toBeNull();
  expect(handed.tryReserveSlot(ask)).toBeNull();

  let given: SlotPermit | undefined;
  const waits = polled.reserveSlot(ask, patient).then((permit) => (given = permit));
  await Promise.resolve();
  expect(given).toBeUndefined();
  handed.releaseSlot(ask);
  await waits;
  expect(handed.tryReserveSlot(ask)).toBeNull();
  polled.releaseSlot(ask);
  polled.releaseSlot(ask);
  expect([1, 2, 3].map(() => handed.tryReserveSlot(ask) !== null)).toEqual([true, true, false]);
});

test('the worker that is handed steps never polls for any, and lets go when it is stopped', async () => {
  const slots = new StepSlots(1);
  const stop = new AbortController();
  const poll = slots.eager().reserveSlot(ask, stop.signal);
  expect(await Promise.race([poll, new Promise((resolve) => setImmediate(resolve, 'waits'))])).toBe(
    'waits',
  );
  stop.abort(new Error('stopped'));
  await expect(poll).rejects.toThrow('stopped');
});

test('a poll that is given up takes no slot with it', async () => {
  const slots = new StepSlots(1);
  const polled = slots.polled();
  await polled.reserveSlot(ask, patient);
  const stop = new AbortController();
  const poll = polled.reserveSlot(ask, stop.signal);
  stop.abort(new Error('stopped'));
  await expect(poll).rejects.toThrow('stopped');
  polled.releaseSlot(ask);
  expect(polled.tryReserveSlot(ask)).not.toBeNull();

  // Given up in the same breath in which it was given.
  const again = new AbortController();
  const late = polled.reserveSlot(ask, again.signal);
  again.abort(new Error('stopped'));
  polled.releaseSlot(ask);
  await expect(late).rejects.toThrow('stopped');
  expect(polled.tryReserveSlot(ask)).not.toBeNull();
});
