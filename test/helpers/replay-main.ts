import { readFile } from 'node:fs/promises';
import { sendMessage } from 'execa';
import { Client, Connection } from '@temporalio/client';
import { payloadCodec } from '../../common/payload-codec.js';
import { replayed } from './replay.js';

/*
 * Replays all that ran on a task queue, in a process of its own, and sends what was found: what
 * the SDK keeps of each replay made every later test of the process several times slower.
 */

const [address = '', taskQueue = '', code = ''] = process.argv.slice(2);
const connection = await Connection.connect({ address });
const client = new Client({ connection, dataConverter: { payloadCodecs: [payloadCodec] } });
const found = await replayed(client, taskQueue, await readFile(code, 'utf8'));
await connection.close();
await sendMessage(found);
