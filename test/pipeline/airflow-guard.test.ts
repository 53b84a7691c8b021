import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { guard } from '../../lab/airflow/guard-file.js';
import { killSession, membersOf } from '../../lab/airflow/session.js';
import { until } from '../../lab/until.js';
import { nameOf } from '../../lab/web-system/app/owner.js';

/* A server with two tasks, each of which leads a group of its own in the session of the server. */
const server = ['bash', '-c', 'set -m; sleep infinity & sleep infinity & wait'];
const members = 4;

let owner: ChildProcess;
let leader: ChildProcess;
afterEach(() => {
  owner.kill('SIGKILL');
  killSession(leader.pid ?? 0);
});

/** @returns the folder of the server */
async function begin(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'runbook-guard-'));
  owner = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const args = [guard, nameOf(owner.pid ?? 0), home, ...server];
  leader = spawn(process.execPath, args, { stdio: 'ignore', detached: true });
  await until('the tasks to work', () => Promise.resolve(processes() === members));
  return home;
}
const processes = (): number => membersOf(leader.pid ?? 0).length;
const allEnded = (): Promise<boolean> =>
  until('all to end', () => Promise.resolve(processes() === 0));

test('a server of Airflow ends with its tasks and its folder when its owner is killed', async () => {
  const home = await begin();
  owner.kill('SIGKILL');
  await allEnded();
  expect(existsSync(home)).toBe(false);
});

test('what does not know the session reaches neither the tasks nor the folder', async () => {
  const home = await begin();
  const exited = once(leader, 'exit');
  process.kill(-(leader.pid ?? 0), 'SIGKILL');
  await exited;
  // The leader has ended; the server that it had started may take a moment longer.
  await until('the server to end', () => Promise.resolve(processes() <= members - 2));
  expect(processes()).toBe(members - 2);
  killSession(leader.pid ?? 0);
  await allEnded();
  expect(existsSync(home)).toBe(true);
});
