import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { whenOwnerEnds } from '../web-system/app/owner.js';
import { killSession } from './session.js';

/*
 * A server of Airflow that ends with its owner, however that ends, and takes its tasks and its
 * folder with it. It leads a session of its own:
 *
 *   node guard.js OWNER HOME PROGRAM ARGUMENT …
 */
const [owner, home = '', program = '', ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: 'inherit' });
child.once('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
child.once('exit', (code) => process.exit(code ?? 1));
// The signal goes to the whole group: the server ends by itself.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined);
whenOwnerEnds(owner, () => {
  killSession(process.pid);
  rmSync(home, { recursive: true, force: true, maxRetries: 20 });
  process.exit(1);
});
