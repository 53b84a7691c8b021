import { join } from 'node:path';
import { execa } from 'execa';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { Worker, type ReplayHistoriesIterable } from '@temporalio/worker';
import { isNotFound } from '../../client/errors.js';
import { payloadCodec } from '../../common/payload-codec.js';
import { programFolder } from '../../worker/config.js';

const program = join(programFolder, 'test', 'helpers', 'replay-main.js');

export interface Replayed {
  /** Executions that were replayed. */
  count: number;
  /** Those that do not replay, with the reason. */
  wrong: string[];
}

/**
 * Replays all that ran on a task queue from its beginning, by the code that ran it: what depends on
 * a worker's memory, or on chance, is found by whichever test happens to make it.
 * @param file the bundle of the runs' workers
 * @throws Error that names each execution which does not replay, and why
 */
export async function replayAll(address: string, taskQueue: string, file: string): Promise<void> {
  // The SDK writes its own warnings to stdout.
  const { ipcOutput } = await execa(process.execPath, [program, address, taskQueue, file], {
    ipc: true,
  });
  const { count, wrong } = ipcOutput[0] as unknown as Replayed;
  if (wrong.length > 0)
    throw new Error(`${wrong.length} of ${count} runs do not replay:\n${wrong.join('\n')}`);
}

/** @returns how many executions there were, and which do not replay, with the reason */
export async function replayed(client: Client, taskQueue: string, code: string): Promise<Replayed> {
  const query = `TaskQueue = "${taskQueue}"`;
  const found: Replayed = { count: 0, wrong: [] };
  const results = Worker.runReplayHistories(
    { workflowBundle: { code }, dataConverter: { payloadCodecs: [payloadCodec] } },
    histories(client, query),
  );
  for await (const { workflowId, error } of results) {
    found.count += 1;
    if (error) found.wrong.push(`${workflowId}: ${error.message}`);
  }
  return found;
}

async function* histories(client: Client, query: string): ReplayHistoriesIterable {
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    const history = await historyOf(client, workflowId, runId);
    if (history) yield { workflowId, history };
  }
}

/** Null for a helper that was deleted: Temporal's list has it for a moment more. */
async function historyOf(
  client: Client,
  workflowId: string,
  runId: string,
): Promise<Awaited<ReturnType<WorkflowHandle['fetchHistory']>> | null> {
  try {
    return await client.workflow.getHandle(workflowId, runId).fetchHistory();
  } catch (error) {
    if (isNotFound(error) && workflowId.startsWith('launch-')) return null;
    throw error;
  }
}
