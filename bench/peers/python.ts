import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheFolder } from '../../embedded/home.js';

/** Another tool that runs the same process so many times in a row. */
export interface Peer {
  name: string;
  /** Release, as installed. */
  version: string;
  /** Tasks of one round. */
  steps: number;
  /** One round. @returns milliseconds a task, without the tool's own start */
  round(): Promise<number>;
}

/** A tool that cannot be measured here. */
export interface Skipped {
  name: string;
  why: string;
}

/** Milliseconds that an installation may take. */
const installMs = 400_000;

/**
 * Installs packages, given as `name==release`, from the Python index into an environment of the
 * bench's own, beside other downloads; once.
 * @returns the folder of its programs, and the release of the first package
 * @throws Error in one line, when there is no Python or no index
 */
export async function installed(
  packages: readonly string[],
): Promise<{ programs: string; version: string }> {
  const folder = join(cacheFolder(), 'bench-peers', packages.join('-').replaceAll('==', '-'));
  const programs = join(folder, 'bin');
  await mkdir(folder, { recursive: true });
  await line(() => execa('python3', ['-m', 'venv', folder]));
  const pip = join(programs, 'pip');
  await line(() =>
    execa(pip, ['install', '--quiet', '--disable-pip-version-check', ...packages], {
      timeout: installMs,
    }),
  );
  const { stdout } = await line(() =>
    execa(pip, [
      'show',
      '--disable-pip-version-check',
      (packages[0] ?? '').split('==', 1)[0] ?? '',
    ]),
  );
  return { programs, version: /^Version: (.+)$/m.exec(stdout)?.[1] ?? 'unknown' };
}

/** Runs one of the scripts beside this file, which prints `{"ms": …}` at its end. */
export async function measured(
  python: string,
  argv: readonly string[],
  env: Record<string, string> = {},
): Promise<number> {
  const { stdout } = await execa(python, argv, { env, stderr: 'ignore', stdin: 'ignore' });
  const last = stdout.trim().split('\n').at(-1) ?? '';
  return (JSON.parse(last) as { ms: number }).ms;
}

async function line<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { stderr, shortMessage, message } = error as {
      stderr?: string;
      shortMessage?: string;
      message: string;
    };
    const said = (stderr?.trim().split('\n').at(-1) || shortMessage) ?? message;
    throw new Error(said.slice(0, 200), { cause: error });
  }
}
