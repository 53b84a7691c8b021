#!/usr/bin/env node
import { processIo } from './io.js';
import { runCli } from './program.js';

// `runbook runs | head`: whoever read our output has seen enough.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

process.exitCode = await runCli(process.argv.slice(2), processIo());
// What is still connected has nothing more to say.
process.stdout.write('', () => process.exit());
