import { certificatesIn } from '../../activities/certificates.js';
import { retryAfter } from '../../activities/http-refusal.js';
import { sendOnce } from '../../activities/send-once.js';
import { codeOf, connectionTrouble } from '../../common/network.js';
import { NotSent } from './not-sent.js';

export interface Post {
  url: URL;
  headers: Record<string, string>;
  body: string;
  /** File with the certificates of the server's own authority. */
  ca: string | undefined;
  /** Name of the channel. */
  channel: string;
  signal: AbortSignal;
}

/**
 * Posts JSON once, follows no redirect, and reads nothing but the status. Errors name the channel
 * and never the address, which may be a secret.
 * @throws NotSent
 */
export async function post({ url, headers, body, ca, channel, signal }: Post): Promise<void> {
  const request = {
    ...{ method: 'POST', body, signal },
    headers: new Headers({
      'content-type': 'application/json',
      'user-agent': 'durable-runbooks',
      ...headers,
    }),
  };
  const certificates = ca === undefined ? undefined : certificatesIn(ca, channel);
  const response = await sendOnce(certificates, url, request).catch((error: unknown) => {
    throw unanswered(error, signal);
  });
  await response.body?.cancel().catch(() => undefined);
  if (response.ok) return;
  // A server error may come after the message was passed on.
  const mayHaveArrived = response.status >= 500 || response.status === 408;
  throw new NotSent(`it answered ${response.status}`, mayHaveArrived, retryAfter(response.headers));
}

function unanswered(error: unknown, signal: AbortSignal): NotSent {
  if (signal.aborted) return new NotSent('it did not answer in time', true);
  const trouble = connectionTrouble(error);
  const code = trouble?.code || codeOf(error);
  if (trouble?.kind === 'tls')
    return new NotSent(`no encrypted connection: ${trouble.said} (${code})`, false);
  if (trouble?.kind === 'unmade') return new NotSent(`nobody answers (${code})`, false);
  return new NotSent(`the connection broke (${code})`, true);
}
