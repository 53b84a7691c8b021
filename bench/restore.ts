import { chmodSync, chownSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { serverAccount } from '../embedded/account.js';
import { freePort } from '../embedded/ports.js';
import { Operator } from '../examples/demo/cli.js';
import { withStack, type Stack } from '../examples/demo/stack.js';
import type { ProxyKind } from '../examples/web-system/proxy.js';
import { compiledFolder } from '../examples/web-system/programs.js';
import { databaseUrl } from '../examples/web-system/sites/database.js';
import type { SiteSystem } from '../examples/web-system/sites/system.js';
import { getAttempts, openPool } from '../store/index.js';
import { median } from './median.js';

export interface RestoreResult {
  /** Of the base backup. */
  bytes: number;
  rounds: number;
  /** Milliseconds of each round: the step of a drill from its start to its end as recorded, and the script. */
  step: number[];
  script: number[];
  /** Medians, step against script. */
  ratio: number;
  within: boolean;
}

const mostRatio = 1.05;
/** Of one restore; a script that waits in vain has to end. */
const longestMs = 30 * 60_000;
const root = join(compiledFolder, '..', '..', '..');

/** The step that restores the database, beside a shell script that does the same. @param megabytes of data in the database */
export function restoreBench(rounds: number, megabytes: number, proxy: ProxyKind): Promise<RestoreResult> {
  return withStack(async (stack) => {
    const system = await stack.startSites(proxy, { documentMegabytes: megabytes });
    await stack.startWorker();
    const { json, problem } = await system.run('a', 'backup');
    if (json === null) throw new Error(problem);
    const { id, bytes } = json as { id: string; bytes: number };
    const [step, script]: [number[], number[]] = [[], []];
    // The first of each warms up what is measured; who is first changes, for what the disk still has to do.
    for (let round = 0; round <= rounds; round += 1) {
      const turns = [async () => step.push(await drill(stack, id)), async () => script.push(await byScript(system, id))];
      for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
    }
    const [mine, theirs] = [step.slice(1), script.slice(1)];
    const ratio = median(mine) / median(theirs);
    return { bytes, rounds, step: mine, script: theirs, ratio, within: ratio <= mostRatio };
  });
}

/** @returns milliseconds of the step, as the record has them */
async function drill(stack: Stack, backup: string): Promise<number> {
  const operator = new Operator('bench', stack.cliEnv);
  const inputs = ['from=site-a', 'to=site-drill', 'entrance=entrance'].flatMap((input) => ['--input', input]);
  const { id } = await operator.json<{ id: string }>(
    [0],
    ...['start', 'full-system-disaster-recovery', '--drill', '--unattended', 'abort', ...inputs],
    ...['--reason', 'to measure the restore', '--yes'],
  );
  await operator.run('wait', id, '--for', 'done', '--timeout', '30m');
  const pool = openPool(stack.cliEnv['RUNBOOK_DATABASE_URL'] ?? '');
  try {
    const attempts = (await getAttempts(pool, id)).filter(({ step }) => step === 'database/restore');
    const [attempt] = attempts;
    if (attempts.length !== 1 || attempt?.state !== 'succeeded' || !attempt.endedAt)
      throw new Error(`the drill ${id} restored backup ${backup} ${attempts.length} times, at last: ${attempt?.state}`);
    return Date.parse(attempt.endedAt) - Date.parse(attempt.startedAt);
  } finally {
    await pool.end();
  }
}

/** @returns milliseconds until the script had ended */
async function byScript(system: SiteSystem, backup: string): Promise<number> {
  const { programs, vault } = system.config('a');
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'runbook-restore-')));
  chmodSync(place, 0o755);
  const account = serverAccount();
  if (account) chownSync(place, account.uid, account.gid);
  const as = account ? { uid: account.uid, gid: account.gid } : {};
  const env = { PGPASSWORD: decodeURIComponent(new URL(databaseUrl(system.config('a'), 'site')).password), LC_ALL: 'C' };
  try {
    const begun = performance.now();
    const words = [
      programs,
      vault,
      backup,
      place,
      String(await freePort()),
      join(root, 'examples/web-system/sites/restore-wal.sh'),
    ];
    const { stdout } = await execa('/bin/sh', [join(root, 'bench', 'restore.sh'), ...words], {
      env,
      cwd: dirname(place),
      stdin: 'ignore',
      timeout: longestMs,
      ...as,
    });
    const tookMs = performance.now() - begun;
    if (!/^\d+$/.test(stdout)) throw new Error(`the script ended without a restored database: ${stdout}`);
    return tookMs;
  } finally {
    await execa(join(programs, 'pg_ctl'), ['-D', join(place, 'data'), '-m', 'immediate', 'stop'], {
      cwd: dirname(place),
      reject: false,
      ...as,
    });
    rmSync(place, { recursive: true, force: true });
  }
}

export function restoreText({ bytes, rounds, step, script, ratio, within }: RestoreResult): string[] {
  const text = (name: string, values: number[]): string =>
    `  ${name.padEnd(36)} ${(median(values) / 1_000).toFixed(2).padStart(8)} s   (${values.map((value) => (value / 1_000).toFixed(2)).join(', ')})`;
  return [
    `restoring ${(bytes / 2 ** 30).toFixed(2)} GB, verification included, median of ${rounds} rounds side by side`,
    text('step database/restore of a drill', step),
    text('the same by a shell script', script),
    `  ${ratio.toFixed(3)} times, ${within ? 'within' : 'MORE THAN'} 1.05`,
  ];
}
