import { describe, expect, test } from '@jest/globals';
import { evaluate } from '../../../../language/expression/evaluate.js';
import { limits } from '../../../../language/expression/limits.js';
import { Meter } from '../../../../language/expression/meter.js';
import { parse } from '../../../../language/expression/parse.js';
import { hostile, scope } from './hostile.js';

/*
 * Nobody's expression holds a worker up: 50 ms on a quiet machine. Steps decide here, since time
 * says as much about the machine; the times are printed. What costs time without costing steps
 * shows as a time far beyond the others.
 */
const allowedMs = 50;

interface Tried {
  source: string;
  told: string;
  steps: number;
  ms: number;
}

function attempt(source: string, most: number): Tried {
  const began = performance.now();
  const meter = new Meter(most);
  const parsed = parse(source);
  const outcome = 'problem' in parsed ? undefined : evaluate(parsed.expression, scope, meter);
  const ms = performance.now() - began;
  const told =
    'problem' in parsed
      ? parsed.problem.rule
      : outcome && 'unknown' in outcome
        ? (outcome.unknown[0]?.kind ?? 'unknown')
        : 'value';
  return { source: source.slice(0, 70), told, steps: meter.spent, ms };
}

describe('expressions that would hold a worker up', () => {
  // Compilers are warm, as in a worker.
  hostile.forEach((source) => attempt(source, limits.steps));
  const tried = hostile.map((source) => attempt(source, limits.steps));

  test('there are more than fifty', () => {
    expect(new Set(hostile).size).toBe(hostile.length);
    expect(hostile.length).toBeGreaterThan(50);
  });

  test.each(tried)('$source: $told', ({ told, steps }) => {
    // Nothing is done for the payment that goes beyond.
    const isStopped = told === 'limit';
    expect(isStopped || steps <= limits.steps).toBe(true);
  });

  test('their times', () => {
    const slowest = [...tried].sort((a, b) => b.ms - a.ms).slice(0, 5);
    const over = tried.filter(({ ms }) => ms > allowedMs).length;
    console.log(
      `${over} of ${tried.length} took more than ${allowedMs} ms here; the slowest:\n`,
      slowest.map(({ source, ms }) => `${ms.toFixed(1).padStart(8)} ms  ${source}`).join('\n '),
    );
    expect(slowest).toHaveLength(5);
  });

  test('nothing was reached that is not of the scope', () => {
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('without the guards', () => {
  test('many of them take more steps than they may', () => {
    const free = hostile.map((source) => attempt(source, 5 * limits.steps));
    const beyond = free.filter(({ steps }) => steps > limits.steps);
    console.log(`${beyond.length} of ${free.length} take more than ${limits.steps} steps`);
    expect(beyond.length).toBeGreaterThan(20);
  });

  test("JavaScript's own regular expressions take for ever", () => {
    const patterns = [/(a+)+$/, /(a|aa)+b/, /(x+x+)+y/];
    const slow = patterns.filter((pattern) => {
      const began = performance.now();
      // 30 letters are enough; each one more takes twice as long.
      for (let length = 20; performance.now() - began < allowedMs && length < 40; length += 1)
        pattern.test(`${'a'.repeat(length)}${'x'.repeat(length)}!`);
      return performance.now() - began > allowedMs;
    });
    expect(slow.length).toBeGreaterThan(0);
  });
});
