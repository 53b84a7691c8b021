#!/usr/bin/env node
import { endWhenUnread } from '../embedded/stop-request.js';
import { processIo } from './io.js';
import { runCli } from './program.js';

endWhenUnread();

process.exitCode = await runCli(process.argv.slice(2), processIo());
// Connections that are still open are not needed any more.
process.stdout.write('', () => process.exit());
