/** The process that replays what the tests of a suite have run (test/helpers/replayer.ts). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/**
 * @param {string} root folder of the clone
 * @returns {Promise<{ url: string, stop: () => Promise<unknown> }>}
 */
export async function startReplayer(root) {
  const program = join(root, 'dist', 'test', 'helpers', 'replayer.js');
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [line] = await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('the replayer could not start'))),
  ]);
  return {
    url: line.toString().trim(),
    stop: () => {
      child.stdin.end();
      return ended;
    },
  };
}
