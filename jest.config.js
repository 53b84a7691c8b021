/** What takes long and has a form in `npm run chaos` of its own (`*.long.ts`). */
const long = process.env.RUNBOOK_CHAOS === 'long' ? ['**/*.long.ts'] : [];

/**
 * Real servers, real processes: every file picks its own database and task queue. One worker more
 * than the two cores that the suites are measured on: a fifth of their time is waiting.
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
  maxWorkers: 3,
};
