import { request } from 'node:https';
import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';

/** Node's streams and those of `fetch` are the same; their types differ. */
type Body = ConstructorParameters<typeof Response>[0];

interface Request {
  method: string;
  headers: Headers;
  body?: string;
  signal: AbortSignal;
}

/**
 * As `fetch` without redirects, also for an https address whose certificate is from a private
 * authority.
 * @param ca the certificates of that authority: no other is trusted; absent: those of Node.js are
 */
export function fetchTrusting(
  ca: Buffer | undefined,
  url: URL,
  request: Request,
): Promise<Response> {
  return ca === undefined
    ? fetch(url, { ...request, redirect: 'manual' })
    : fetchWithAuthority(ca, url, request);
}

/**
 * `fetch` cannot take a private authority. Each request has a connection of its own: nothing is
 * sent before the certificate is accepted.
 */
function fetchWithAuthority(
  ca: Buffer,
  url: URL,
  { method, headers, body, signal }: Request,
): Promise<Response> {
  return new Promise((answered, failed) => {
    const options = { method, headers: Object.fromEntries(headers), ca, signal, agent: false };
    request(url, options, (message) => answered(responseOf(message)))
      .on('error', failed)
      .end(body);
  });
}

/** Statuses that have no body, by the standard. */
const bodiless = new Set([204, 205, 304]);

function responseOf(message: IncomingMessage): Response {
  const headers = new Headers();
  for (let at = 0; at < message.rawHeaders.length; at += 2)
    headers.append(message.rawHeaders[at] as string, message.rawHeaders[at + 1] as string);
  const { statusCode: status = 0 } = message;
  if (bodiless.has(status)) message.resume();
  const body = bodiless.has(status) ? null : (Readable.toWeb(message) as unknown as Body);
  return new Response(body, { status, headers });
}
