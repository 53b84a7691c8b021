import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { serverFolder } from '../binaries.js';
import { EmbeddedError } from '../errors.js';

/**
 * A client program of PostgreSQL's, beside the server itself also where only links to some of them
 * are on the PATH.
 * @throws EmbeddedError
 */
export function clientProgram(programs: string, name: string): string {
  for (const folder of [programs, serverFolder(programs)]) {
    const path = join(folder, name);
    if (existsSync(path)) return path;
  }
  throw new EmbeddedError(
    `PostgreSQL's ${name} is not in ${programs}. Install PostgreSQL's client programs, or ` +
      'set RUNBOOK_POSTGRES_BIN to a folder that has them.',
  );
}

/** Runs one of them to its end. @throws EmbeddedError with what it said */
export async function runProgram(
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<void> {
  const { exitCode, stderr, shortMessage } = await execa(path, args, {
    reject: false,
    stdin: 'ignore',
    env: { ...env, LC_ALL: 'C' },
  });
  if (exitCode !== 0)
    throw new EmbeddedError(
      `${path.split('/').at(-1)} failed: ${String(stderr ?? '').trim() || shortMessage}`,
    );
}

/**
 * How a client program gets to the server, the password by the environment.
 * @param url of any database
 */
export function reachBy(url: string): { args: string[]; env: NodeJS.ProcessEnv } {
  const { hostname, port, username, password } = new URL(url);
  return {
    args: ['--host', hostname, '--port', port, '--username', username, '--no-password'],
    env: { PGPASSWORD: decodeURIComponent(password) },
  };
}
