/**
 * What ./runbook runs: the bootstrap (some milliseconds when there is nothing to do), then the
 * command line in this process.
 */
import { fileURLToPath } from 'node:url';

await import('./bootstrap.mjs');
process.argv[1] = fileURLToPath(new URL('../dist/client/main.js', import.meta.url));
await import('../dist/client/main.js');
