import type { HttpAction } from '../language/kinds/http.js';
import { parseUrl } from '../language/url.js';
import { codeOf, connectionTrouble } from '../common/network.js';
import { isRepeatable } from '../common/tries.js';
import { isHandover } from './commands.js';
import { StepFailure } from './failure.js';
import type { AttemptContext } from './handler.js';
import { sendOnce } from './send-once.js';
import { where } from './http-request.js';

const maxRedirects = 3;
const redirects: ReadonlySet<number> = new Set([300, 301, 302, 303, 307, 308]);

/** What is sent: redirects change it. */
interface Sent {
  /** Certificates of the target's own authority; undefined: those that Node trusts. */
  ca: Buffer | undefined;
  url: URL;
  method: HttpAction['method'];
  headers: Headers;
  body: string | undefined;
}

export async function send(
  first: Pick<Sent, 'url' | 'headers' | 'ca'>,
  action: HttpAction,
  context: AttemptContext,
): Promise<Response> {
  const body = action.json === undefined ? undefined : JSON.stringify(action.json);
  let sent: Sent = { ...first, method: action.method, body };
  /** Set when a change was answered with "see other": its effect is done. */
  let done: string | undefined;
  for (let followed = 0; ; followed += 1) {
    const response = await fetchOnce(sent, action, context, done);
    const location = response.headers.get('location');
    if (
      !redirects.has(response.status) ||
      location === null ||
      succeeded(response.status, action)
    ) {
      if (done === undefined || succeeded(response.status, action)) return response;
      await response.body?.cancel();
      throw unreadAnswer(done, `${where(sent.url)} answered ${response.status}`);
    }
    await response.body?.cancel();
    const next = parseUrl(location, sent.url);
    const follow = next !== null && isWithin(next, first.url) && followed < maxRedirects;
    const then = follow ? redirected(sent, response.status, next, action, context) : undefined;
    if (!then) throw notFollowed(sent, response.status, next, action, context, done);
    if (isChange(sent.method) && !isChange(then.method) && !mayRepeat(action, context))
      done = `${where(sent.url)} answered ${response.status}`;
    sent = then;
  }
}

/** An address of the target itself, which asks to log in as nobody else. */
function isWithin(next: URL, target: URL): boolean {
  return next.origin === target.origin && next.username === '' && next.password === '';
}

/** Methods that change something. */
function isChange(method: HttpAction['method']): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/** The request that a redirect asks for; undefined when it must not be sent. */
function redirected(
  sent: Sent,
  status: number,
  url: URL,
  action: HttpAction,
  context: AttemptContext,
): Sent | undefined {
  if (!isChange(sent.method)) return { ...sent, url };
  if (status === 303) {
    // The answer is there; the request itself was accepted.
    const headers = new Headers(sent.headers);
    for (const name of ['content-type', 'idempotency-key']) headers.delete(name);
    return { ...sent, url, method: 'GET', headers, body: undefined };
  }
  return (status === 307 || status === 308) && mayRepeat(action, context)
    ? { ...sent, url }
    : undefined;
}

/**
 * 307 and 308 say that the request was not accepted, 303 that it was; 301 and 302 may mean either.
 */
export function saysNotAccepted(status: number): boolean {
  return status === 307 || status === 308;
}

function notFollowed(
  sent: Sent,
  status: number,
  next: URL | null,
  action: HttpAction,
  context: AttemptContext,
  done: string | undefined,
): StepFailure {
  const to = `and sends on to ${next ? where(next) : 'nowhere'}, which is not followed`;
  const what = `${where(sent.url)} answered ${status} ${to}`;
  if (done !== undefined) return unreadAnswer(done, what);
  if (isChange(sent.method) && !saysNotAccepted(status) && !mayRepeat(action, context))
    return mayHaveArrived(what);
  return new StepFailure('HttpRejected', what, {
    next: 'If the service moved, correct the address of the target.',
  });
}

/** The request was accepted, but its result could not be read. */
function unreadAnswer(done: string, what: string): StepFailure {
  return new StepFailure(
    'OutcomeUnknown',
    `${done}, so the request was accepted; its result could not be read: ${what}`,
    { next: 'Look at the service; then skip the step, mark it done, or retry it.' },
  );
}

async function fetchOnce(
  { url, method, headers, body, ca }: Sent,
  action: HttpAction,
  context: AttemptContext,
  done: string | undefined,
): Promise<Response> {
  if (context.signal.aborted && done === undefined) throw context.signal.reason;
  try {
    const request = {
      ...{ method, headers, signal: context.signal },
      ...(body === undefined ? {} : { body }),
    };
    return await sendOnce(ca, url, request);
  } catch (error) {
    if (done !== undefined && !isHandover(context.signal.reason))
      throw unreadAnswer(done, `${where(url)} did not answer (${codeOf(error)})`);
    throw unanswered(error, url, action, context);
  }
}

/** Why the answer is missing or incomplete. An aborted request may still have arrived. */
export function unanswered(
  error: unknown,
  url: URL,
  action: HttpAction,
  context: AttemptContext,
): unknown {
  const repeatable = mayRepeat(action, context);
  if (!context.signal.aborted) return lost(error, url, repeatable);
  const reason: unknown = context.signal.reason;
  return repeatable || isHandover(reason)
    ? reason
    : mayHaveArrived(`the attempt stopped waiting for ${where(url)}`);
}

/** May the request be repeated when nobody knows whether it arrived? */
export function mayRepeat(action: HttpAction, { effect }: AttemptContext): boolean {
  return isRepeatable({ kind: 'http', effect }, action);
}

export function mayHaveArrived(what: string): StepFailure {
  return new StepFailure(
    'OutcomeUnknown',
    `${what}; the request may have arrived, and had its effect`,
    {
      next: 'Look at the service; then retry the step, skip it, or mark it done.',
    },
  );
}

/**
 * Why no answer came: a request that was never sent can be repeated; one that may have arrived
 * cannot.
 */
function lost(error: unknown, url: URL, repeatable: boolean): StepFailure {
  const trouble = connectionTrouble(error);
  const code = trouble?.code || codeOf(error);
  if (trouble?.kind === 'tls') {
    return new StepFailure(
      'TlsRefused',
      `no encrypted connection to ${url.origin}, and nothing was sent: ${trouble.said} (${code})`,
      {
        next:
          'Is the address right? A certificate of your own authority: name its file as ' +
          '`http.ca` of the target in targets.yaml.',
      },
    );
  }
  if (trouble?.kind === 'unmade') {
    return new StepFailure('Unreachable', `nobody answers at ${url.origin} (${code})`, {
      next: 'Is the service running, and is the address in targets.yaml right?',
    });
  }
  if (!repeatable) return mayHaveArrived(`${where(url)} did not answer (${code})`);
  return new StepFailure(
    'NoAnswer',
    `${where(url)} did not answer (${code}); the request may have arrived`,
    {
      next: 'Look at the service before it is asked again.',
    },
  );
}

export function succeeded(status: number, action: HttpAction): boolean {
  return action.statuses ? action.statuses.includes(status) : status >= 200 && status < 300;
}
