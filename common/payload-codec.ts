import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';

const zip = promisify(gzip);
const unzip = promisify(gunzip);
const { Payload: Message } = proto.temporal.api.common.v1;

const encoding = 'binary/gzip';
/** Smaller payloads stay as they are, so that the Temporal UI shows them. */
const fromBytes = 64 * 1024;
/** Limit of an unpacked payload: ours are smaller. */
const maxBytes = 64 * 1024 * 1024;

/**
 * Packs large payloads: a run of thousands of steps hands its state to its next execution, and
 * Temporal takes 2 MB at most. Used by workers and clients alike, outside of the sandbox.
 */
export const payloadCodec: PayloadCodec = {
  encode: (payloads) => Promise.all(payloads.map(pack)),
  decode: (payloads) => Promise.all(payloads.map(unpack)),
};

async function pack(payload: Payload): Promise<Payload> {
  if ((payload.data?.length ?? 0) < fromBytes) return payload;
  const data = await zip(Message.encode(payload).finish());
  return { metadata: { encoding: Buffer.from(encoding) }, data };
}

/**
 * Passes on a payload that cannot be unpacked: the converter then makes a marker of it, and no task
 * fails.
 */
async function unpack(payload: Payload): Promise<Payload> {
  const name = payload.metadata?.['encoding'];
  if (!name || !payload.data || Buffer.from(name).toString() !== encoding) return payload;
  try {
    return Message.decode(await unzip(payload.data, { maxOutputLength: maxBytes }));
  } catch {
    return payload;
  }
}
