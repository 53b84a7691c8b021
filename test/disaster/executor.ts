import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { readConnection } from '../../embedded/connection.js';
import { cacheFolder, projectRoot } from '../../embedded/home.js';
import { consenting } from '../helpers/consenting.js';
import { noProcessesOf, processesOf } from '../embedded/support.js';
import { isLong } from '../chaos/tell.js';
import { until } from '../../lab/until.js';

/** Nothing that this machine knows of servers, or of programs but the basic ones. */
function bareEnvironment(change: Record<string, string>): Record<string, string> {
  const kept = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'RUNBOOK_TEST_RUN'];
  const env = Object.entries(process.env).filter((entry): entry is [string, string] =>
    kept.includes(entry[0]),
  );
  return { ...Object.fromEntries(env), NO_COLOR: '1', RUNBOOK_WATCH_MS: '1000', ...change };
}

/** Leads nowhere: whoever asks a network is refused at once. */
const noNetwork = {
  ...Object.fromEntries(
    ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map((name) => [
      name,
      'http://127.0.0.1:9',
    ]),
  ),
  ...{
    npm_config_registry: 'http://127.0.0.1:9/',
    PIP_INDEX_URL: 'http://127.0.0.1:9/',
    no_proxy: '127.0.0.1',
  },
};

/** A clone without anything installed or built, that has a cache and no network. */
export async function offlineClone(folder: string): Promise<string> {
  const clone = join(folder, 'clone');
  await execa('git', ['clone', '--quiet', '--no-hardlinks', projectRoot, clone]);
  mkdirSync(join(clone, '.runbook'), { recursive: true });
  cpSync(cacheFolder(), join(clone, '.runbook', 'cache'), { recursive: true });
  return clone;
}

export interface ExecutorOptions {
  /** Everything of it: home, journals. */
  home: string;
  /** What it needs of its operators: targets.yaml, secrets.yaml, a library. */
  config: string;
  /** A clone; the program under test unless given. */
  program?: string;
  args: readonly string[];
  limitMs: number;
}

/** `runbook dev` as an operator runs it, and the command line beside it. */
export class Executor {
  output = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly options: ExecutorOptions,
  ) {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
  }

  get home(): string {
    return this.options.home;
  }

  static async start(options: ExecutorOptions): Promise<Executor> {
    mkdirSync(options.home, { recursive: true });
    const [command, ...first] = commandOf(options);
    const child = spawn(command, [...first, 'dev', ...options.args], {
      cwd: options.config,
      env: environmentOf(options),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const executor = new Executor(child, options);
    await until(
      'the executor to be up',
      () => {
        if (child.exitCode !== null)
          throw new Error(`dev ended with exit code ${child.exitCode}: ${executor.output}`);
        return Promise.resolve(readConnection(options.home)?.alive);
      },
      options.limitMs,
      100,
    );
    return executor;
  }

  /** @throws Error with what it printed unless it exits with one of these */
  async cli<T>(
    operator: string,
    args: readonly string[],
    codes: readonly number[] = [0],
  ): Promise<T> {
    const [command, ...first] = commandOf(this.options);
    const { exitCode, stdout, stderr } = await execa(
      command,
      [...first, ...consenting(args), '--output', 'json'],
      {
        ...{ cwd: this.options.config, reject: false, stdin: 'ignore', extendEnv: false },
        env: { ...environmentOf(this.options), RUNBOOK_OPERATOR: operator },
      },
    );
    if (!codes.includes(exitCode ?? -1))
      throw new Error(`runbook ${args.join(' ')} exited ${exitCode}: ${stderr || stdout}`);
    return JSON.parse(stdout) as T;
  }

  /** The machine is gone: kill -9 of everything that knows its home, and the home too. */
  async destroy(): Promise<void> {
    const { home } = this;
    for (const pid of processesOf(home)) process.kill(pid, 'SIGKILL');
    await noProcessesOf(home);
    rmSync(home, { recursive: true, force: true });
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }
}

function commandOf({ program }: ExecutorOptions): [string, ...string[]] {
  if (program !== undefined) return [join(program, 'runbook')];
  const main = join(projectRoot, 'dist', 'client', 'main.js');
  if (!existsSync(main)) throw new Error('the program is not built');
  return [process.execPath, main];
}

function environmentOf({ home, config, program }: ExecutorOptions): Record<string, string> {
  return bareEnvironment({
    // Both sites have the servers of the cache, whatever is installed here: a backup is of one
    // version of PostgreSQL.
    ...(isLong ? { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` } : {}),
    ...{ RUNBOOK_HOME: home, RUNBOOK_LIBRARY: join(config, 'library') },
    ...(program === undefined ? { RUNBOOK_CACHE: cacheFolder() } : noNetwork),
  });
}
