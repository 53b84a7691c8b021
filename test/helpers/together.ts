import { test as jestTest } from '@jest/globals';

/**
 * For tests that share nothing and mostly wait: those of one `describe` wait at the same time, at
 * most five. What they use is imported before: once the first of them has ended, jest refuses an
 * import.
 */
export const test = jestTest.concurrent;
