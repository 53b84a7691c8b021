import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, Runtime, Worker, type ReplayHistoriesIterable } from '@temporalio/worker';
import { isNotFound } from '../../client/errors.js';
import { payloadCodec } from '../../common/payload-codec.js';
import type { Replayed, ReplayRequest } from './replay.js';

/*
 * Replays what tests have run, in a process of its own: what the SDK keeps of each replay made
 * every later test of a process several times slower. One for a whole suite, because its start
 * costs five times as much as a replay. Prints its address, and ends with its standard input.
 */

/** Of all that ran on a task queue. */
async function replayed({ address, taskQueue, file }: ReplayRequest): Promise<Replayed> {
  const connection = await Connection.connect({ address });
  try {
    const client = new Client({ connection, dataConverter: { payloadCodecs: [payloadCodec] } });
    const code = await readFile(file, 'utf8');
    const found: Replayed = { count: 0, wrong: [] };
    const results = Worker.runReplayHistories(
      { workflowBundle: { code }, dataConverter: { payloadCodecs: [payloadCodec] } },
      histories(client, `TaskQueue = "${taskQueue}"`),
    );
    for await (const { workflowId, error } of results) {
      found.count += 1;
      if (error) found.wrong.push(`${workflowId}: ${error.message}`);
    }
    return found;
  } finally {
    await connection.close();
  }
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

Runtime.install({ logger: new DefaultLogger('ERROR') });
const server = createServer((request, response) => {
  json(request)
    .then((asked) => replayed(asked as ReplayRequest))
    .then(
      (found) => response.end(JSON.stringify(found)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/\n`);
process.stdin.on('close', () => process.exit(0)).resume();
