#!/usr/bin/env node
import { processIo } from './io.js';
import { runCli } from './program.js';

// `runbook runs | head`: the reader of our output has seen enough.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

process.exitCode = await runCli(process.argv.slice(2), processIo());
// Connections that are still open are not needed any more.
process.stdout.write('', () => process.exit());
