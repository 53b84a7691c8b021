import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { EmbeddedError } from './errors.js';
import { projectRoot } from './home.js';
import { endChild, idOf, type ProcessId } from './process.js';

/*
 * A system to try runbooks on. It is a program of its own: it is told a folder and a database,
 * writes `targets.yaml` and `secrets.yaml` into the folder, and says `example ready` in a line of
 * its own. What it says before that line is shown to the person at the end of the start.
 */

const folder = join(projectRoot, 'dist', 'examples');
const entryOf = (name: string): string => join(folder, name, 'dev.js');
const graceMs = 10_000;

/** The name of its database. */
export const exampleDatabase = 'example';

/** The examples that `dev` can start; none where only the product is installed. */
export function exampleNames(): string[] {
  const all = existsSync(folder) ? readdirSync(folder) : [];
  return all.filter((name) => existsSync(entryOf(name))).sort();
}

/** @throws EmbeddedError when there is no such example */
export function refuseUnknownExample(name: string): void {
  const names = exampleNames();
  if (names.includes(name)) return;
  throw new EmbeddedError(
    names.length === 0
      ? 'There are no examples here: they come with a clone of the repository.'
      : `There is no example ${JSON.stringify(name)}. There are: ${names.join(', ')}.`,
  );
}

export interface ExampleOptions {
  name: string;
  /** Where it keeps its data and its files. */
  folder: string;
  databaseUrl: string;
  /** How the command line is called, for the commands that it prints. */
  command: string;
  env: NodeJS.ProcessEnv;
  remember: (id: ProcessId) => void;
  tell: (line: string) => void;
}

/** An example that runs. */
export interface Example {
  /** What a worker has to know of it. */
  workerEnv: Record<string, string>;
  /** What it said when it was up. */
  hints: string[];
  stop(): Promise<void>;
}

/** Starts an example and waits until it is up. @throws EmbeddedError with what it said */
export async function startExample(options: ExampleOptions): Promise<Example> {
  const { name, folder: home, tell } = options;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const child = spawn(process.execPath, [entryOf(name)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // As the worker: Ctrl-C is for the supervisor.
    detached: true,
    env: {
      ...options.env,
      RUNBOOK_COMMAND: options.command,
      RUNBOOK_EXAMPLE_FOLDER: home,
      RUNBOOK_EXAMPLE_DATABASE: options.databaseUrl,
    },
  });
  if (child.pid !== undefined) options.remember(idOf(child.pid));
  const hints: string[] = [];
  let isUp = false;
  await new Promise<void>((ready, failed) => {
    child.once('error', failed);
    child.once('exit', (code, signal) => {
      const how = signal ?? `exit code ${code}`;
      if (isUp) tell(`the example ${name} ended (${how}); start dev again to have it back`);
      else
        failed(
          new EmbeddedError(`The example ${name} ended (${how}): ${hints.slice(-5).join(' ')}`),
        );
    });
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        if (isUp) tell(`example   ${line}`);
        else if (line !== 'example ready') hints.push(line);
        else {
          isUp = true;
          ready();
        }
      });
  });
  return {
    workerEnv: {
      RUNBOOK_TARGETS: join(home, 'targets.yaml'),
      RUNBOOK_SECRETS: join(home, 'secrets.yaml'),
    },
    hints,
    stop: () => {
      isUp = false;
      child.removeAllListeners('exit');
      return endChild(child, graceMs);
    },
  };
}
