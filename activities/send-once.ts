import { request as plain, type IncomingMessage } from 'node:http';
import { request as encrypted } from 'node:https';
import { pipeline, Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip } from 'node:zlib';

/** Node's streams and those of `fetch` are the same; their types differ. */
type Body = ConstructorParameters<typeof Response>[0];

interface Request {
  method: string;
  headers: Headers;
  body?: string;
  signal: AbortSignal;
}

/**
 * Sends one request, once. `fetch` sends a request a second time by itself when 421 is the answer,
 * hides 407, takes a compressed answer that breaks off for a whole one, and trusts no private
 * authority. Each request has a connection of its own: none is lost because the server was just
 * closing an old one, and nothing is sent before the certificate is accepted.
 * @param ca the certificates of a private authority: no other is trusted; absent: those of Node.js
 * @returns the answer, whatever its status; redirects are not followed
 */
export function sendOnce(
  ca: Buffer | undefined,
  url: URL,
  { method, headers, body, signal }: Request,
): Promise<Response> {
  const request = url.protocol === 'https:' ? encrypted : plain;
  const options = {
    ...{ method, signal, agent: false as const, ...(ca === undefined ? {} : { ca }) },
    headers: { 'accept-encoding': [...decoders.keys()].join(', '), ...Object.fromEntries(headers) },
  };
  return new Promise((answered, failed) => {
    const asked = request(url, options, (message) => {
      try {
        answered(responseOf(message, method));
      } catch {
        message.destroy();
        failed(noAnswer());
      }
    });
    const connected = url.protocol === 'https:' ? 'secureConnect' : 'connect';
    const limit = setTimeout(() => asked.destroy(notConnected()), connectMs);
    asked
      .on('socket', (socket) => socket.once(connected, () => clearTimeout(limit)))
      .on('error', failed)
      .on('close', () => {
        clearTimeout(limit);
        // A server that goes on in another protocol (101) ends the request without an error.
        failed(noAnswer());
      })
      .end(body);
  });
}

/** Longest time until there is a connection, in milliseconds. */
const connectMs = 10_000;

function notConnected(): Error {
  return Object.assign(new Error('no connection'), { code: 'ETIMEDOUT', syscall: 'connect' });
}

/** What came has a status that no answer has. */
function noAnswer(): Error {
  return Object.assign(new Error('no answer'), { code: 'HPE_INVALID_STATUS' });
}

/** Statuses that have no body, by the standard. */
const bodiless = new Set([204, 205, 304]);

const decoders = new Map([
  ['gzip', createGunzip],
  ['br', createBrotliDecompress],
]);

/** @throws RangeError for a status that no answer has */
function responseOf(message: IncomingMessage, method: string): Response {
  const headers = new Headers();
  for (let at = 0; at < message.rawHeaders.length; at += 2)
    headers.append(message.rawHeaders[at] as string, message.rawHeaders[at + 1] as string);
  const { statusCode: status = 0 } = message;
  const isEmpty = bodiless.has(status) || method === 'HEAD';
  if (isEmpty) message.resume();
  const body = isEmpty ? null : (Readable.toWeb(decoded(message)) as unknown as Body);
  return new Response(body, { status, headers });
}

/** The body as it was before it was compressed; it fails where it breaks off. */
function decoded(message: IncomingMessage): Readable {
  const decoder = decoders.get(message.headers['content-encoding']?.toLowerCase() ?? '');
  return decoder === undefined ? message : pipeline(message, decoder(), () => undefined);
}
