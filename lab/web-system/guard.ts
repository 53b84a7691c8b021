import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { whenOwnerEnds } from './app/owner.js';

/*
 * A program that knows no owner, such as a proxy, and ends with its owner all the same:
 *
 *   node guard.js OWNER PIDFILE PROGRAM ARGUMENT …
 */
const [owner, pidFile = '', program = '', ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: 'inherit' });
if (child.pid !== undefined) writeFileSync(pidFile, String(child.pid));
child.once('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
child.once('exit', (code) => process.exit(code ?? 1));
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => child.kill('SIGTERM'));
whenOwnerEnds(owner, () => {
  // nginx would leave its workers behind.
  child.kill('SIGTERM');
  setTimeout(() => child.kill('SIGKILL'), 500);
});
