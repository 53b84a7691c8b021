import { createHash } from 'node:crypto';
import { execa } from 'execa';
import type { SiteConfig } from './config.js';
import { Refused } from './refused.js';

export type ToolName = 'terraform' | 'kubectl' | 'helm' | 'aws' | 'psql';

export interface Call {
  /** On standard input: what nobody may see in a list of processes. */
  input?: string;
  seconds: number;
  env?: Record<string, string>;
  /** Its last lines of standard error that are an answer, and no failure. */
  unless?: RegExp;
}

export interface Said {
  ok: boolean;
  stdout: string;
  /** What it said when it failed, in a line. */
  problem: string;
}

const lines = 4;
const most = 600;
const graceMs = 5_000;
const outputLimit = 256 * 2 ** 20;

/**
 * Runs one of the programs that a site is made with: an array of arguments, no shell, a time limit.
 * @throws Refused when it fails, with the end of what it said
 */
export async function call(
  config: Pick<SiteConfig, 'programs'>,
  tool: ToolName,
  args: readonly string[],
  how: Call,
): Promise<Said> {
  const { stdout, stderr, exitCode, timedOut, failed, code } = await execa(
    config.programs[tool] ?? tool,
    args,
    {
      ...(how.input === undefined ? { stdin: 'ignore' as const } : { input: how.input }),
      env: how.env ?? {},
      timeout: how.seconds * 1_000,
      forceKillAfterDelay: graceMs,
      maxBuffer: outputLimit,
      reject: false,
    },
  );
  if (code === 'ENOENT')
    throw new Refused(`${tool} is not installed here, or not where the configuration says`);
  if (timedOut)
    throw new Refused(`${told(tool, args)} took longer than ${how.seconds} s, and was ended`);
  if (!failed) return { ok: true, stdout, problem: '' };
  const problem = endOf(stderr) || `it ended with code ${exitCode ?? 'none: it was killed'}`;
  if (how.unless?.test(problem)) return { ok: false, stdout, problem };
  throw new Refused(`${told(tool, args)}: ${problem}`);
}

/**
 * Reads all that a program prints, and keeps none of it.
 * @returns what it printed, as SHA-256 in hexadecimal, and how many bytes that was
 */
export async function digest(
  config: Pick<SiteConfig, 'programs'>,
  tool: ToolName,
  args: readonly string[],
  how: Call,
): Promise<{ ok: boolean; sha256: string; bytes: number; problem: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const child = execa(config.programs[tool] ?? tool, args, {
    stdin: 'ignore',
    env: how.env ?? {},
    timeout: how.seconds * 1_000,
    forceKillAfterDelay: graceMs,
    buffer: { stdout: false },
    encoding: 'buffer',
    reject: false,
  });
  child.stdout.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  const { failed, timedOut, stderr } = await child;
  const said = endOf(Buffer.from(stderr).toString('utf8'));
  const problem = timedOut
    ? `it took longer than ${how.seconds} s`
    : said || 'it was ended half-way';
  return { ok: !failed, sha256: hash.digest('hex'), bytes, problem: failed ? problem : '' };
}

/** The end is where programs say what is wrong. */
function endOf(stderr: string): string {
  const said = stderr
    .replace(/\u001b\[[0-9;]*m/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /[a-z]/i.test(line));
  return said.slice(-lines).join(' ').slice(-most);
}

/** The program and its verbs: what it was about, without the addresses. */
function told(tool: ToolName, args: readonly string[]): string {
  const verbs = args.filter((arg) => !arg.startsWith('-')).slice(0, 2);
  return [tool, ...(tool === 'psql' ? [] : verbs)].join(' ');
}

/** As many at once as one host and one account of a store can bear. */
const atOnce = 8;

/**
 * Does it for each of them, some at a time.
 * @returns the results, in the order of what was given
 */
export async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const at = next;
      next += 1;
      results[at] = await work(items[at] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}
