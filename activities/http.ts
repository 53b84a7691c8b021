import { createHash } from 'node:crypto';
import { valueAt } from '../language/dotted.js';
import { parseJson, type Json, type JsonObject } from '../language/json.js';
import type { HttpAction } from '../language/kinds/http.js';
import type { TargetDeclaration } from '../language/targets-file.js';
import { parseUrl } from '../language/url.js';
import { codeOf, connectionTrouble } from '../common/network.js';
import { isRepeatable } from '../common/tries.js';
import { certificatesIn } from './certificates.js';
import { isHandover } from './commands.js';
import { StepFailure } from './failure.js';
import type { AttemptContext, Handler } from './handler.js';
import { credentialsOf } from './target-environment.js';
import { headAndTail } from './output-cap.js';
import { fetchTrusting } from './trusting-fetch.js';

/** A larger JSON answer is not parsed; its digest and size are still kept. */
const maxParsedBytes = 32 * 1024 * 1024;
/** A larger answer is shown by its beginning only, unless the step picks what it needs. */
const maxWholeBytes = 48 * 1024;
/** What people see of an answer that is no JSON, in characters. */
const shownCharacters = 8_192;
const maxRedirects = 3;
/** Statuses that say that nothing was done and the request may be repeated. */
const again = new Set([425, 429]);
/** Longest wait between two attempts that a service can ask for, in seconds. */
const maxRetryAfter = 300;

/**
 * Sends one request to the target's own address and nowhere else: the path cannot leave it,
 * redirects to another origin are refused, and the token never travels further than the target.
 */
export const http: Handler<'http'> = async (action, context) => {
  const target = context.targets.get(action.target);
  const declared = addressIn(target, action.address);
  const repeatable = mayRepeat(action, context);
  if (context.resumedFrom !== null && context.evidence !== null && !repeatable)
    throw mayHaveArrived('the worker died while it asked the service');
  context.assertLeaseHeld?.();
  const url = addressOf(action, declared.address);
  const headers = await headersOf(
    action,
    { ...declared, ...bearerOf(target, action) },
    target.name,
    context,
  );
  const ca = declared.ca === undefined ? undefined : certificatesIn(declared.ca, target.name);
  // Kept before sending: a worker that finds no evidence knows that nothing was sent, and one that
  // lost the attempt to another worker sends nothing.
  if (!repeatable && !(await context.keepEvidence({ sent: where(url) }))) {
    throw new StepFailure(
      'WorkerLost',
      'this attempt was taken over by another worker; nothing was sent',
    );
  }
  const response = await send({ url, headers, ca }, action, context);
  const body = await readBody(response, url, action, context);
  if (!succeeded(response.status, action)) {
    const refused = refusal(response, body, url, target, action, context);
    refused.extra.answer = outputOf(withoutPicks(action), response, body, url, context);
    throw refused;
  }
  return outputOf(action, response, body, url, context);
};

type Address = NonNullable<TargetDeclaration['http']>;

/** @throws StepFailure Configuration */
function addressIn(target: TargetDeclaration, named: string | undefined): Address {
  const isMain = named === undefined || named === 'main';
  const found = isMain ? target.http : target.addresses?.[named];
  if (found) return found;
  throw isMain
    ? new StepFailure('Configuration', `target ${target.name} declares no http address`, {
        next: 'Add `http: { address: … }` to it in targets.yaml.',
      })
    : new StepFailure('Configuration', `target ${target.name} has no address called ${named}`, {
        next: `Add \`addresses: { ${named}: { address: … } }\` to it in targets.yaml.`,
      });
}

/** Credentials that a step names take the place of those of the address. */
function bearerOf(target: TargetDeclaration, { credentials }: HttpAction): Partial<Address> {
  const bearer = credentialsOf(target, credentials)?.bearer;
  return bearer === undefined ? {} : { bearer };
}

/** What a refusal says is shown as it is: it has nothing to pick. */
function withoutPicks({ pick: _pick, ...action }: HttpAction): HttpAction {
  return action;
}

/** The request's address: always below the target's own. @throws StepFailure Configuration */
function addressOf(action: HttpAction, base: string): URL {
  const root = new URL(base);
  const path = action.path.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = action.params?.[name];
    if (value === undefined)
      throw new StepFailure(
        'Configuration',
        `the path ${action.path} needs ${whole}, which was not given`,
      );
    return encodeSegment(String(value));
  });
  const outside = (): StepFailure =>
    new StepFailure(
      'Configuration',
      `the path ${JSON.stringify(action.path)} leaves the target's address`,
      {
        next: 'A path begins with / and stays below the address of the target.',
      },
    );
  // Checked as text, before URL() could resolve it: dots, double slashes, back slashes, control
  // characters.
  if (
    path !== '' &&
    (!path.startsWith('/') || path.startsWith('//') || /[\\?#\u0000-\u001f\u007f]/.test(path))
  )
    throw outside();
  if (path.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment))) throw outside();
  const url = new URL(root.href);
  url.pathname = `${root.pathname.replace(/\/$/, '')}${path}`;
  if (url.origin !== root.origin) throw outside();
  for (const [name, value] of Object.entries(action.query ?? {}))
    url.searchParams.set(name, String(value));
  return url;
}

/** One path segment, whatever the value contains; `.` and `..` would walk up the path. */
function encodeSegment(value: string): string {
  if (value === '' || value === '.' || value === '..') {
    throw new StepFailure('Configuration', `${JSON.stringify(value)} cannot be part of a path`, {
      next: 'Correct the input it comes from.',
    });
  }
  return encodeURIComponent(value);
}

async function headersOf(
  action: HttpAction,
  address: Address,
  target: string,
  context: AttemptContext,
): Promise<Headers> {
  const headers = new Headers({
    accept: 'application/json, text/plain;q=0.9, */*;q=0.5',
    'user-agent': 'durable-runbooks',
  });
  try {
    for (const [name, value] of Object.entries({ ...address.headers, ...action.headers }))
      headers.set(name, value);
  } catch {
    throw new StepFailure(
      'Configuration',
      `a header of the request to ${target} holds characters that no header may`,
      {
        next: 'Correct the step or the target.',
      },
    );
  }
  if (action.json !== undefined) headers.set('content-type', 'application/json');
  if (action.idempotencyKey) headers.set('idempotency-key', context.key);
  if (address.bearer)
    headers.set('authorization', `Bearer ${await context.secrets.resolve(address.bearer, target)}`);
  return headers;
}

/** What is sent: redirects change it. */
interface Sent {
  /** Certificates of the target's own authority; undefined: those that Node trusts. */
  ca: Buffer | undefined;
  url: URL;
  method: HttpAction['method'];
  headers: Headers;
  body: string | undefined;
}

async function send(
  first: Pick<Sent, 'url' | 'headers' | 'ca'>,
  action: HttpAction,
  context: AttemptContext,
): Promise<Response> {
  const body = action.json === undefined ? undefined : JSON.stringify(action.json);
  let sent: Sent = { ...first, method: action.method, body };
  /** Set when a change was answered with "see other": its effect is done. */
  let done: string | undefined;
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetchOnce(sent, action, context, done);
    const location = response.headers.get('location');
    if (
      response.status < 300 ||
      response.status >= 400 ||
      location === null ||
      succeeded(response.status, action)
    ) {
      if (done === undefined || succeeded(response.status, action)) return response;
      await response.body?.cancel();
      throw unreadAnswer(done, `${where(sent.url)} answered ${response.status}`);
    }
    await response.body?.cancel();
    const next = parseUrl(location, sent.url);
    const follow = next?.origin === first.url.origin && redirects < maxRedirects;
    const then = follow ? redirected(sent, response.status, next, action, context) : undefined;
    if (!then) throw notFollowed(sent, response.status, next, action, context, done);
    if (isChange(sent.method) && !isChange(then.method) && !mayRepeat(action, context))
      done = `${where(sent.url)} answered ${response.status}`;
    sent = then;
  }
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
  const isOpen = status !== 307 && status !== 308 && isChange(sent.method);
  if (isOpen && !mayRepeat(action, context)) return mayHaveArrived(what);
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
    return await fetchTrusting(ca, url, request);
  } catch (error) {
    if (done !== undefined && !isHandover(context.signal.reason))
      throw unreadAnswer(done, `${where(url)} did not answer (${codeOf(error)})`);
    throw unanswered(error, url, action, context);
  }
}

/** Why the answer is missing or incomplete. An aborted request may still have arrived. */
function unanswered(
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
function mayRepeat(action: HttpAction, { effect }: AttemptContext): boolean {
  return isRepeatable({ kind: 'http', effect }, action);
}

function mayHaveArrived(what: string): StepFailure {
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
        next: 'Is the address right? A certificate of your own authority: name its file as `http.ca` of the target in targets.yaml.',
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

interface Body {
  bytes: Buffer;
  size: number;
  sha256: string;
}

async function readBody(
  response: Response,
  url: URL,
  action: HttpAction,
  context: AttemptContext,
): Promise<Body> {
  const hash = createHash('sha256');
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      const bytes = Buffer.from(chunk as Uint8Array);
      hash.update(bytes);
      if (size < maxParsedBytes) chunks.push(bytes);
      size += bytes.length;
      if (size > 1_024) context.output('stdout', bytes);
    }
  } catch (error) {
    // A refusal counts even without its whole body.
    if (context.signal.aborted || succeeded(response.status, action))
      throw unanswered(error, url, action, context);
  }
  return { bytes: Buffer.concat(chunks), size, sha256: hash.digest('hex') };
}

function outputOf(
  action: HttpAction,
  response: Response,
  body: Body,
  url: URL,
  context: AttemptContext,
): Json {
  const { status } = response;
  if (action.pick) {
    const names = Object.entries(action.pick);
    return names.length === 0 ? { status } : pickedFrom(names, response, body, url, context);
  }
  const read = readText(response.headers.get('content-type'), body.bytes);
  const json = isJson(response) ? jsonIn(read, body) : undefined;
  if (json !== undefined && body.size <= maxWholeBytes) return { status, json };
  let isCut = body.size > body.bytes.length || read.problem !== undefined;
  const shorten = (clean: string): string => {
    const text = headAndTail(clean, shownCharacters);
    isCut ||= text !== clean;
    return text;
  };
  const text =
    'text' in read ? context.secrets.shown(read.text.replaceAll('\0', ''), shorten) : read.problem;
  return {
    status,
    text,
    truncated: isCut,
    // JSON that was too large to parse is not absent: mark it as cut.
    ...(isCut ? { cut: ['text', 'json'] } : {}),
    bytes: body.size,
    sha256: body.sha256,
  };
}

/**
 * The values that the step picks from the answer: all of them, or a failure that says what came.
 * @throws StepFailure
 */
function pickedFrom(
  names: readonly [name: string, path: string][],
  response: Response,
  body: Body,
  url: URL,
  context: AttemptContext,
): JsonObject {
  const type = response.headers.get('content-type');
  const read = readText(type, body.bytes);
  const json = jsonIn(read, body);
  const unusable = (what: string): StepFailure => {
    const begins =
      'text' in read && read.text !== ''
        ? `; it begins with ${JSON.stringify(context.secrets.quote(read.text))}`
        : '';
    return new StepFailure(
      'AnswerUnusable',
      `${where(url)} answered ${response.status} (${type ?? 'no content type'}, ${body.size} bytes), and ${what}${begins}`,
      { next: 'Check the address, and whether the service needs another log-in, path or pick.' },
    );
  };
  if (read.problem !== undefined) throw unusable(read.problem);
  if (body.size > maxParsedBytes)
    throw unusable(`more than ${maxParsedBytes / 1024 ** 2} MiB are not read as JSON`);
  if (json === undefined) throw unusable('that is no JSON, which `pick` needs');
  const missing = names.filter(([, path]) => valueAt(json, path) === undefined);
  if (missing.length > 0)
    throw unusable(`there is no ${missing.map(([, path]) => path).join(', ')} in it`);
  return Object.fromEntries(names.map(([name, path]) => [name, valueAt(json, path) as Json]));
}

type ReadText = { text: string; problem?: string } | { problem: string };

/** The text of an answer, in the charset of its byte order mark or of its header; else UTF-8. */
function readText(contentType: string | null, bytes: Buffer): ReadText {
  const [, said] = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType ?? '') ?? [];
  const charset = markedAs(bytes) ?? said ?? 'utf-8';
  // A byte order mark is no part of the text.
  let lenient: InstanceType<typeof TextDecoder>;
  try {
    lenient = new TextDecoder(charset);
  } catch {
    return { problem: `its charset ${JSON.stringify(charset)} is not known here` };
  }
  try {
    return { text: new TextDecoder(charset, { fatal: true }).decode(bytes) };
  } catch {
    // Only people see the readable part, with U+FFFD for the rest.
    return {
      text: lenient.decode(bytes),
      problem: `it is not ${charset.toLowerCase()} throughout`,
    };
  }
}

function markedAs(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 'utf-8' : undefined;
}

function isJson(response: Response): boolean {
  return /\bjson\b/i.test(response.headers.get('content-type') ?? '');
}

function jsonIn(read: ReadText, body: Body): Json | undefined {
  if (!('text' in read) || read.problem !== undefined || body.size > maxParsedBytes)
    return undefined;
  try {
    return parseJson(read.text);
  } catch {
    return undefined;
  }
}

/** The JSON of an answer that is quoted to people. */
function parse(response: Response, body: Body): Json | undefined {
  const type = response.headers.get('content-type');
  return isJson(response) ? jsonIn(readText(type, body.bytes), body) : undefined;
}

function succeeded(status: number, action: HttpAction): boolean {
  return action.statuses ? action.statuses.includes(status) : status >= 200 && status < 300;
}

function refusal(
  response: Response,
  body: Body,
  url: URL,
  target: TargetDeclaration,
  action: HttpAction,
  context: AttemptContext,
): StepFailure {
  const { status } = response;
  const said = saidIn(parse(response, body));
  const message = `${where(url)} answered ${status}${said ? `: ${context.secrets.quote(said)}` : ''}`;
  if (status === 401 || status === 403) {
    const secret = target.http?.bearer;
    return new StepFailure('HttpDenied', message, {
      next: secret
        ? `Check secret ${secret} of target ${target.name} in secrets.yaml: the service refuses it.`
        : `Target ${target.name} names no \`bearer\` secret in targets.yaml.`,
    });
  }
  const retryAfterMs = retryAfter(response.headers);
  const wait = retryAfterMs ? { retryAfterMs } : {};
  if (again.has(status) || (status === 503 && retryAfterMs !== undefined))
    return new StepFailure('HttpUnavailable', message, { ...wait, nothingDone: true });
  if (status === 408 || status >= 500) {
    return mayRepeat(action, context)
      ? new StepFailure('HttpUnavailable', message, wait)
      : mayHaveArrived(message);
  }
  return new StepFailure('HttpRejected', message, { details: { status } });
}

/**
 * How long the service asks to wait: seconds, or a date, which is read by the service's own clock
 * if it sends one.
 * @returns milliseconds; undefined when there is no readable value
 */
export function retryAfter(headers: Headers): number | undefined {
  const said = headers.get('retry-after')?.trim() ?? '';
  const seconds = /^\d+$/.test(said) ? Number(said) : secondsUntil(said, headers.get('date'));
  return seconds === undefined ? undefined : Math.min(seconds, maxRetryAfter) * 1_000;
}

function secondsUntil(said: string, sentAt: string | null): number | undefined {
  const until = httpDate(said);
  if (until === undefined) return undefined;
  return Math.max(0, Math.ceil((until - (httpDate(sentAt ?? '') ?? Date.now())) / 1_000));
}

/**
 * The three forms of https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7; all of them are in UTC.
 */
function httpDate(text: string): number | undefined {
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return undefined;
  const time = Date.parse(/ (GMT|UTC)$/.test(text) ? text : `${text} GMT`);
  return Number.isNaN(time) ? undefined : time;
}

/** The sentence that services put into `error.message`, `message` or `error`. */
function saidIn(body: Json | undefined): string {
  const candidates = [
    valueAt(body, 'error.message'),
    valueAt(body, 'message'),
    valueAt(body, 'error'),
  ];
  return String(candidates.find((each) => typeof each === 'string') ?? '');
}

/** An address without its query, which may hold something secret. */
function where(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
