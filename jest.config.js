/** What takes long and has a form in `npm run chaos` of its own (`*.long.ts`). */
const long = process.env.RUNBOOK_CHAOS === 'long' ? ['**/*.long.ts'] : [];

/**
 * Real servers, real processes: one worker per core at most, and every suite picks its own database
 * and task queue.
 */
export default {
  testEnvironment: '<rootDir>/test/environment.mjs',
  testSequencer: '<rootDir>/scripts/lib/sequencer.mjs',
  reporters: ['<rootDir>/scripts/lib/reporter.mjs'],
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts', ...long],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, sourceMaps: 'inline' },
    ],
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testTimeout: 30_000,
  maxWorkers: 2,
};
