/**
 * Coverage of workflows/engine by the driver's tests, which need no server. Prints a table and
 * every place that did not run, and fails below 100 %. `npm test` does the same beside everything
 * else.
 */
import { join, resolve } from 'node:path';
import { measureEngine } from './lib/coverage.mjs';
import { runJest } from './lib/jest.mjs';

const root = resolve(import.meta.dirname, '..');
process.chdir(root);

const measured = await measureEngine(root);
try {
  const ran = await runJest(
    [
      'test/driver',
      ...process.argv.slice(2),
      '--testPathIgnorePatterns=/node_modules/',
      '--testPathIgnorePatterns=test/driver/same-',
    ],
    {
      env: { ...process.env, ...measured.env },
      skipsFile: join(root, 'test', 'skips.json'),
    },
  );
  const report = measured.report();
  process.stdout.write(`${report.lines.join('\n')}\n${report.summary}\n`);
  process.exitCode = ran.exitCode || (report.complete ? 0 : 1);
} finally {
  measured.remove();
}
