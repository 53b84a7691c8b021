import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { serverAccount } from '../../embedded/account.js';
import { readConnection } from '../../embedded/connection.js';
import { DevProcess } from './dev-process.js';
import { copyProgram } from './program-copy.js';
import { testFolder } from '../helpers/folder.js';
import { clear, noProcessesOf, query, subfolder } from './support.js';

const weAreRoot = process.getuid?.() === 0;

describe('accounts', () => {
  let folder: string;
  let elsewhere: string | undefined;

  beforeEach(() => {
    folder = testFolder('runbook account ');
    copyProgram(join(folder, 'program'));
  });

  afterEach(async () => {
    await clear(folder);
    if (elsewhere) rmSync(elsewhere, { recursive: true });
    elsewhere = undefined;
  });

  it('an ordinary user runs it, each process as that user', async () => {
    const account = weAreRoot ? nobody() : undefined;
    const uid = account?.uid ?? process.getuid?.();
    if (account) giveAway(folder, account);
    const dev = start(account);
    const { databaseUrl } = await dev.up();
    expect(ownerOf(await postmaster(databaseUrl))).toBe(uid);
    expect(await dev.end('SIGINT')).toBe(0);
    await noProcessesOf(folder);
  });

  it('root drops PostgreSQL to an account that exists already', async () => {
    const dev = start();
    const { databaseUrl } = await dev.up();
    expect(ownerOf(await postmaster(databaseUrl))).toBe(serverAccount()?.uid ?? process.getuid?.());
    expect(ownerOf(await postmaster(databaseUrl))).not.toBe(0);
    expect(await dev.end('SIGINT')).toBe(0);
    await noProcessesOf(folder);
  });

  it("works in a folder that only its owner may enter, root's too; the data are found again", async () => {
    chmodSync(folder, 0o700);
    const dev = start();
    const { databaseUrl } = await dev.up();
    elsewhere = /PostgreSQL's data are in (.*)/.exec(dev.output)?.[1];
    expect(elsewhere !== undefined).toBe(weAreRoot);
    expect(ownerOf(await postmaster(databaseUrl))).not.toBe(0);
    await query(databaseUrl, `CREATE TABLE kept AS SELECT 'still here' AS text`);
    expect(await dev.end('SIGINT')).toBe(0);

    const again = start();
    expect(await query((await again.up()).databaseUrl, 'SELECT text FROM kept')).toEqual([
      { text: 'still here' },
    ]);
    expect(await again.end('SIGINT')).toBe(0);
    expect(readConnection(join(folder, 'home'))).toBeUndefined();
    await noProcessesOf(elsewhere ?? folder);
  });

  function start(account?: { uid: number; gid: number }): DevProcess {
    const cwd = subfolder(folder, 'work');
    if (account) chownSync(cwd, account.uid, account.gid);
    return DevProcess.start({
      home: join(folder, 'home'),
      cwd,
      program: join(folder, 'program'),
      env: { HOME: folder, RUNBOOK_CACHE: join(folder, 'program', '.runbook', 'cache') },
      ...(account ? { account } : {}),
    });
  }
});

function nobody(): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith('nobody:'));
  const [, , uid, gid] = (line ?? '').split(':').map(Number);
  if (uid === undefined || gid === undefined) throw new Error('this machine has no user `nobody`');
  return { uid, gid };
}

function giveAway(folder: string, { uid, gid }: { uid: number; gid: number }): void {
  chownSync(folder, uid, gid);
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    chownSync(join(folder, name), uid, gid);
}

/** The first line of the file that the server keeps in its data. */
async function postmaster(databaseUrl: string): Promise<number> {
  const [row] = await query<{ line: string }>(
    databaseUrl,
    `SELECT pg_read_file('postmaster.pid') AS line`,
  );
  return Number.parseInt(row?.line ?? '', 10);
}

function ownerOf(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'uid=', '-p', String(pid)], { encoding: 'utf8' }));
}
