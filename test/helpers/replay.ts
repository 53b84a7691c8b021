import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { programFolder } from '../../worker/config.js';

const program = join(programFolder, 'test', 'helpers', 'replayer.js');

/** What is replayed. */
export interface ReplayRequest {
  /** Of the Temporal server. */
  address: string;
  taskQueue: string;
  /** The bundle of the runs' workers. */
  file: string;
}

export interface Replayed {
  /** Executions that were replayed. */
  count: number;
  /** Those that do not replay, with the reason. */
  wrong: string[];
}

/**
 * Replays all that ran on a task queue from its beginning, by the code that ran it: what depends on
 * a worker's memory, or on chance, is found by whichever test happens to make it.
 * @throws Error that names each execution which does not replay, and why
 */
export async function replayAll(request: ReplayRequest): Promise<void> {
  const { count, wrong } = await replayed(request);
  if (wrong.length > 0)
    throw new Error(`${wrong.length} of ${count} runs do not replay:\n${wrong.join('\n')}`);
}

/** @returns how many executions there were, and which do not replay, with the reason */
export async function replayed(request: ReplayRequest): Promise<Replayed> {
  const answer = await fetch(await replayer(), { method: 'POST', body: JSON.stringify(request) });
  if (!answer.ok) throw new Error(`The replayer failed: ${await answer.text()}`);
  return (await answer.json()) as Replayed;
}

let own: Promise<Replayer> | undefined;

/** Address of the replayer that the suite has started, or of one for this file alone. */
async function replayer(): Promise<string> {
  const { RUNBOOK_TEST_REPLAYER: shared } = process.env;
  return shared ?? (await (own ??= startReplayer())).url;
}

/** A process that replays; it ends with this one. */
export interface Replayer {
  url: string;
  stop(): Promise<unknown>;
}

/** @throws Error when it cannot start */
export async function startReplayer(): Promise<Replayer> {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('the replayer could not start'))),
  ])) as [Buffer];
  // It must not keep this process alive.
  for (const held of [child, child.stdin, child.stdout]) (held as { unref?(): void }).unref?.();
  return {
    url: line.toString().trim(),
    stop: () => {
      child.stdin.end();
      return ended;
    },
  };
}
