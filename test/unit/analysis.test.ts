import { expect, test } from '@jest/globals';
import { compare } from '../../common/delivery/analysis.js';

const limits = { minRequests: 10, errorRate: 0.01, latency: 4 };
const numbers = (requests: number, p95Ms: number) => ({
  requests,
  errors: 0,
  p95Ms,
  memoryBytes: null,
});

test('a p95 that is too long is held against a version once three requests lie above it', () => {
  const running = numbers(200, 13.1);
  const verdicts = [15, 59, 60, 200].map(
    (requests) => compare(numbers(requests, 56.3), running, limits).is,
  );
  expect(verdicts).toEqual(['inconclusive', 'inconclusive', 'fail', 'fail']);
  expect(compare(numbers(15, 56.3), running, limits).why).toBe(
    'its p95 is 56.3 ms, against 13.1 ms before (4 times as much is allowed), but of 15 requests only',
  );
  expect(compare(numbers(15, 50), running, limits).is).toBe('pass');
});
