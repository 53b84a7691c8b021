import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { projectRoot } from '../embedded/home.js';
import { freePort } from '../embedded/ports.js';
import { Operator } from '../examples/demo/cli.js';
import { withStack, type Stack } from '../examples/demo/stack.js';
import { until } from '../lab/until.js';
import type { ProxyKind } from '../lab/web-system/proxy.js';
import { asServer, databaseUrl, handOver } from '../lab/web-system/sites/database.js';
import type { SiteSystem } from '../lab/web-system/sites/system.js';
import { getAttempts, getRun, openPool } from '../store/index.js';
import { median } from './median.js';

export interface RestoreResult {
  /** Of the base backup. */
  bytes: number;
  rounds: number;
  /** The step of a drill, from its start to its end as recorded. */
  step: Took[];
  /** The site's program told by a shell what the step tells it: the same commands. */
  direct: Took[];
  /**
   * Milliseconds of a script by hand, with the same proofs, and without all that lets the program
   * be told again.
   */
  script: number[];
  /** Medians, step against shell. */
  ratio: number;
  /**
   * What the step adds to what the program itself took, against what the shell adds, as a share of
   * the restore.
   */
  added: number;
  within: boolean;
}

/** Milliseconds of one restore: all of it, and what the site's program says that it took. */
interface Took {
  ms: number;
  programMs: number;
}

const mostAdded = 0.05;
/**
 * Milliseconds between the end of one restore and the beginning of another: a virtual machine gives
 * memory that was freed back to its host after some seconds, and what copies files then waits until
 * it has it again. Each restore is measured with that behind it.
 */
const settleMs = 10_000;
/** Of one restore; a script that waits in vain has to end. */
const longestMs = 30 * 60_000;

/**
 * The step that restores the database, beside a shell script that does the same.
 * @param megabytes of data in the database
 */
export function restoreBench(
  rounds: number,
  megabytes: number,
  proxy: ProxyKind,
): Promise<RestoreResult> {
  return withStack(async (stack) => {
    const system = await stack.startSites(proxy, { documentMegabytes: megabytes });
    await stack.startWorker();
    const { json, problem } = await system.run('a', 'backup');
    if (json === null) throw new Error(problem);
    const { id, bytes } = json as { id: string; bytes: number };
    const [step, direct, script]: [Took[], Took[], number[]] = [[], [], []];
    // The first of each warms up what is measured; who is first changes, for what the disk still
    // has to do.
    for (let round = 0; round <= rounds; round += 1) {
      const turns = [
        async () => step.push(await drill(stack, id)),
        async () => direct.push(await byShell(system, id)),
        async () => script.push(await byScript(system, id)),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.reverse()) {
        await delay(settleMs);
        await turn();
      }
    }
    const [mine, same] = [step.slice(1), direct.slice(1)];
    const added = (beyond(mine) - beyond(same)) / all(same);
    const ratio = all(mine) / all(same);
    return {
      ...{ bytes, rounds, step: mine, direct: same, script: script.slice(1) },
      ...{ ratio, added, within: ratio <= 1 + mostAdded },
    };
  });
}

const all = (each: Took[]): number => median(each.map(({ ms }) => ms));
/** What was not spent by the site's program itself. */
const beyond = (each: Took[]): number => median(each.map(({ ms, programMs }) => ms - programMs));

async function drill(stack: Stack, backup: string): Promise<Took> {
  const operator = new Operator('bench', stack.cliEnv);
  const inputs = ['from=site-a', 'to=site-drill', 'entrance=entrance'].flatMap((input) => [
    '--input',
    input,
  ]);
  const { id } = await operator.json<{ id: string }>(
    [0],
    ...['start', 'full-system-disaster-recovery', '--drill', '--unattended', 'abort', ...inputs],
    ...['--reason', 'to measure the restore', '--yes'],
  );
  const pool = openPool(stack.cliEnv['RUNBOOK_DATABASE_URL'] ?? '');
  try {
    // Asked seldom: who asks takes part of the machine.
    await until(
      'the drill to end',
      async () => (await getRun(pool, id))?.endedAt,
      longestMs,
      1_000,
    );
    const attempts = (await getAttempts(pool, id)).filter(
      ({ step }) => step === 'database/restore',
    );
    const [attempt] = attempts;
    if (attempts.length !== 1 || attempt?.state !== 'succeeded' || !attempt.endedAt)
      throw new Error(
        `the drill ${id} restored backup ${backup} ` +
          `${attempts.length} times, at last: ${attempt?.state}`,
      );
    const { stdout } = attempt.output as { stdout: string };
    return {
      ms: Date.parse(attempt.endedAt) - Date.parse(attempt.startedAt),
      programMs: programMsOf(stdout),
    };
  } finally {
    await pool.end();
  }
}

function programMsOf(line: string): number {
  return (JSON.parse(line) as { tookMs: number }).tookMs;
}

/** What goes before and after the restore is left out, as for the step. */
async function byShell(system: SiteSystem, backup: string): Promise<Took> {
  const program = system.program('drill');
  const tell = async (...words: string[]): Promise<{ ms: number; stdout: string }> => {
    const begun = performance.now();
    const { stdout } = await execa('/bin/sh', ['-c', '"$@"', 'sh', program, ...words], {
      env: { RUNBOOK_RUN: 'by-shell' },
      stdin: 'ignore',
    });
    return { ms: performance.now() - begun, stdout };
  };
  await tell('provision');
  await tell('restore-config');
  // At the same time, as the runbook does.
  const [{ ms, stdout }] = await Promise.all([
    tell('restore-database', backup, 'latest'),
    tell('restore-files'),
  ]);
  await tell('teardown');
  return { ms, programMs: programMsOf(stdout) };
}

/** @returns milliseconds until the script had ended */
async function byScript(system: SiteSystem, backup: string): Promise<number> {
  const { programs, vault } = system.config('a');
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'runbook-restore-')));
  chmodSync(place, 0o755);
  handOver(place);
  const env = {
    PGPASSWORD: decodeURIComponent(new URL(databaseUrl(system.config('a'), 'site')).password),
    LC_ALL: 'C',
  };
  try {
    const begun = performance.now();
    const words = [
      programs,
      vault,
      backup,
      place,
      String(await freePort()),
      join(projectRoot, 'lab/web-system/sites/restore-wal.sh'),
    ];
    const { stdout } = await execa(
      '/bin/sh',
      [join(projectRoot, 'bench', 'restore.sh'), ...words],
      {
        env,
        cwd: dirname(place),
        stdin: 'ignore',
        timeout: longestMs,
        ...asServer(),
      },
    );
    const tookMs = performance.now() - begun;
    if (!/^\d+$/.test(stdout))
      throw new Error(`the script ended without a restored database: ${stdout}`);
    return tookMs;
  } finally {
    await execa(join(programs, 'pg_ctl'), ['-D', join(place, 'data'), '-m', 'immediate', 'stop'], {
      cwd: dirname(place),
      reject: false,
      ...asServer(),
    });
    rmSync(place, { recursive: true, force: true });
  }
}

export function restoreText({
  bytes,
  rounds,
  step,
  direct,
  script,
  ratio,
  added,
  within,
}: RestoreResult): string[] {
  const seconds = (ms: number): string => (ms / 1_000).toFixed(2);
  const text = (name: string, values: number[], beyond: string): string =>
    `  ${name.padEnd(34)} ${seconds(median(values)).padStart(7)} s   ` +
    `(${values.map(seconds).join(', ')})${beyond}`;
  const told = (name: string, each: Took[]): string =>
    text(
      name,
      each.map(({ ms }) => ms),
      `   ${beyond(each).toFixed(0)} ms beyond the program's own time`,
    );
  return [
    `restoring ${(bytes / 2 ** 30).toFixed(2)} GB, verification included, median of ` +
      `${rounds} rounds side by side`,
    told('step database/restore of a drill', step),
    told("the site's program from a shell", direct),
    text('a script by hand', script, ''),
    `  the step takes ${ratio.toFixed(3)} times as long, ${within ? 'within' : 'MORE THAN'} ` +
      `5 %; it adds ${(100 * added).toFixed(1)} % to the program's own time`,
  ];
}
