/**
 * Finds what tests left behind: processes of theirs that still run, and databases that nobody
 * dropped.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** How long processes that have been told to stop may take. */
const patienceMs = 3_000;

/**
 * Ends and names the processes whose environment or command line has one of the marks.
 * @param {string[]} marks texts that only this run's processes carry
 * @returns {Promise<string[]>} one line for each
 */
export async function leakedProcesses(marks) {
  const deadline = Date.now() + patienceMs;
  let found = findProcesses(marks);
  while (found.length > 0 && Date.now() < deadline) {
    await sleep(100);
    found = findProcesses(marks);
  }
  for (const { pid } of found) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }
  return found.map(({ pid, command }) => `left running: process ${pid}: ${command}`);
}

function findProcesses(marks) {
  const all = process.platform === 'linux' ? processesOfProc() : processesOfPs();
  return all.filter(
    ({ pid, text }) => pid !== process.pid && marks.some((mark) => text.includes(mark)),
  );
}

function processesOfProc() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      const command = readIfThere(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      // A process that has ended and is not yet collected has no command line.
      const text = command === '' ? '' : `${command}\n${readIfThere(`/proc/${pid}/environ`)}`;
      return { pid: Number(pid), command: command.slice(0, 200), text };
    });
}

/** Without /proc only command lines can be seen. */
function processesOfPs() {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,args='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 24,
  }).split('\n');
  return lines
    .map((line) => /^\s*(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, pid, args]) => ({ pid: Number(pid), command: args.slice(0, 200), text: args }));
}

/** A process may end between two looks, and those of other users are not ours to read. */
function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code)) return '';
    throw error;
  }
}

/**
 * The databases on the server that were not there before.
 * @param {string} adminUrl
 * @param {ReadonlySet<string>} before
 */
export async function leakedDatabases(adminUrl, before) {
  return [...(await databaseNames(adminUrl))]
    .filter((name) => !before.has(name))
    .map((name) => `left behind: database ${name}`);
}

/** @param {string} adminUrl */
export async function databaseNames(adminUrl) {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rows } = await client.query('SELECT datname FROM pg_database');
    return new Set(rows.map((row) => row.datname));
  } finally {
    await client.end();
  }
}
