import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { afterMs, longestTimerMs } from '../../../activities/long-timer.js';
import { TimeLimit } from '../../../activities/time-limit.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const times = [0, 1, longestTimerMs, longestTimerMs + 1, 3 * longestTimerMs, 36_500 * 86_400_000];

test.each(times)('is over after %d ms, and not before', (ms) => {
  const act = jest.fn();
  afterMs(ms, act);
  if (ms > 0) jest.advanceTimersByTime(ms - 1);
  expect(act).toHaveBeenCalledTimes(0);
  jest.advanceTimersByTime(1);
  expect(act).toHaveBeenCalledTimes(1);
});

test.each(times.filter((ms) => ms > 0))('%d ms that were stopped are never over', (ms) => {
  const act = jest.fn();
  const stop = afterMs(ms, act);
  jest.advanceTimersByTime(ms - 1);
  stop();
  jest.advanceTimersByTime(longestTimerMs);
  expect(act).not.toHaveBeenCalled();
  expect(jest.getTimerCount()).toBe(0);
});

test('an attempt of 40 days is not over at once', () => {
  const days = 40 * 86_400_000;
  const limit = new TimeLimit(new AbortController().signal, days);
  jest.advanceTimersByTime(days - 1);
  expect(limit.signal.aborted).toBe(false);
  jest.advanceTimersByTime(1);
  expect(limit.signal.aborted).toBe(true);
});
