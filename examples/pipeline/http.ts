import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refused } from './refused.js';

/** No request of this service is larger. */
const bodyLimit = 64 * 1024;

/** @throws Refused 401 without the bearer token */
export function authorise(request: IncomingMessage, token: string): void {
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  // Digests have one length, which timingSafeEqual asks for, and tell nothing of the token's.
  const digest = (text: string) => createHash('sha256').update(text).digest();
  if (given === undefined || !timingSafeEqual(digest(given), digest(token))) {
    throw new Refused(401, 'unauthorised', 'a valid bearer token is needed: Authorization: Bearer TOKEN');
  }
}

/** @returns the body as JSON, `{}` when it is empty @throws Refused when it is too large, or no JSON object */
export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > bodyLimit) throw new Refused(413, 'too-large', `a body may have ${bodyLimit} bytes`);
    parts.push(part as Buffer);
  }
  const text = Buffer.concat(parts).toString('utf8');
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refused(400, 'bad-json', 'the body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refused(400, 'bad-body', 'the body is not a JSON object');
  return value as Record<string, unknown>;
}

export interface Answer {
  status: number;
  /** An object is sent as JSON, a string as plain text. */
  body: object | string;
}

export function send(response: ServerResponse, { status, body }: Answer): void {
  const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
  response.writeHead(status, { 'content-type': typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json' });
  response.end(text);
}

/** An error as the answer that people see; what is not a refusal is not told in detail. */
export function answerOf(error: unknown): Answer {
  if (error instanceof Refused) return { status: error.status, body: { error: { code: error.code, message: error.message } } };
  const message = 'the service could not do it; its database may be away. Try again, and look at its output.';
  return { status: 503, body: { error: { code: 'unavailable', message } } };
}
