import { createHash } from 'node:crypto';
import { valueAt } from '../language/condition.js';
import type { Json, JsonObject } from '../language/json.js';
import type { HttpAction } from '../language/runbook.js';
import type { TargetDeclaration } from '../language/targets-file.js';
import { parseUrl } from '../language/url.js';
import { isLetGo } from './commands.js';
import { StepFailure } from './failure.js';
import type { AttemptContext, Handler } from './handler.js';
import { headAndTail } from './output-cap.js';

/** A larger JSON answer is not parsed; its digest and size are kept all the same. */
const maxParsedBytes = 32 * 1024 * 1024;
/** A larger answer is shown by its beginning only, unless the step picks what it needs. */
const maxWholeBytes = 48 * 1024;
const maxRedirects = 3;
const passing = new Set([408, 425, 429]);
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * Sends one request to the target's own address and nowhere else: the path cannot leave it, redirects to another origin
 * are refused, and the token never travels further than the target.
 */
export const http: Handler<'http'> = async (action, context) => {
  const target = context.targets.get(action.target);
  if (!target.http) {
    throw new StepFailure('Configuration', `target ${target.name} declares no http address`, {
      next: 'Add `http: { address: … }` to it in targets.yaml.',
    });
  }
  const repeatable = isRepeatable(action, context);
  if (context.resumedFrom !== null && context.evidence !== null && !repeatable)
    throw mayHaveArrived('the worker died while it asked the service');
  context.mayAct?.();
  const url = addressOf(action, target.http.address);
  const headers = await headersOf(action, target, context);
  // Kept before it is sent: a worker that finds nothing kept knows that nothing was sent, and one that was silent for so
  // long that another one asks by now sends nothing any more.
  if (!repeatable && !(await context.keepEvidence({ sent: where(url) }))) {
    throw new StepFailure(
      'WorkerLost',
      'this attempt was taken over by another worker; nothing was sent',
    );
  }
  const response = await send(url, action, headers, context);
  const body = await readBody(response, url, action, context);
  if (!succeeded(response.status, action)) throw refusal(response, body, url, target, context);
  return outputOf(action, response, body, context);
};

/** The request's address: always below the target's own. @throws StepFailure Configuration */
export function addressOf(action: HttpAction, base: string): URL {
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
  // Checked as text, before URL() could resolve it: dots, double slashes, back slashes, control characters.
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

/** One path segment whatever the value holds; `.` and `..` would otherwise walk up the path. */
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
  target: TargetDeclaration,
  context: AttemptContext,
): Promise<Headers> {
  const headers = new Headers({
    accept: 'application/json, text/plain;q=0.9, */*;q=0.5',
    'user-agent': 'durable-runbooks',
  });
  try {
    for (const [name, value] of Object.entries({ ...target.http?.headers, ...action.headers }))
      headers.set(name, value);
  } catch {
    throw new StepFailure(
      'Configuration',
      `a header of the request to ${target.name} holds characters that no header may`,
      {
        next: 'Correct the step or the target.',
      },
    );
  }
  if (action.json !== undefined) headers.set('content-type', 'application/json');
  if (action.idempotencyKey) headers.set('idempotency-key', context.key);
  if (target.http?.bearer)
    headers.set(
      'authorization',
      `Bearer ${await context.secrets.resolve(target.http.bearer, target.name)}`,
    );
  return headers;
}

async function send(
  start: URL,
  action: HttpAction,
  headers: Headers,
  context: AttemptContext,
): Promise<Response> {
  let url = start;
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetchOnce(url, action, headers, context);
    const location = response.headers.get('location');
    if (
      response.status < 300 ||
      response.status >= 400 ||
      location === null ||
      succeeded(response.status, action)
    )
      return response;
    await response.body?.cancel();
    const next = parseUrl(location, url);
    if (
      next?.origin !== start.origin ||
      (action.method !== 'GET' && action.method !== 'HEAD') ||
      redirects >= maxRedirects
    ) {
      throw new StepFailure(
        'HttpRejected',
        `${where(url)} answered ${response.status} and sends on to ${next ? where(next) : 'nowhere'}, which is not followed`,
        {
          next: 'If the service moved, correct the address of the target.',
        },
      );
    }
    url = next;
  }
}

async function fetchOnce(
  url: URL,
  action: HttpAction,
  headers: Headers,
  context: AttemptContext,
): Promise<Response> {
  if (context.signal.aborted) throw context.signal.reason;
  try {
    return await fetch(url, {
      method: action.method,
      headers,
      redirect: 'manual',
      signal: context.signal,
      ...(action.json === undefined ? {} : { body: JSON.stringify(action.json) }),
    });
  } catch (error) {
    throw unanswered(error, url, action, context);
  }
}

/** Why there is no answer, or not all of it. What was aborted may have arrived all the same. */
function unanswered(
  error: unknown,
  url: URL,
  action: HttpAction,
  context: AttemptContext,
): unknown {
  const repeatable = isRepeatable(action, context);
  if (!context.signal.aborted) return lost(error, url, repeatable);
  const reason: unknown = context.signal.reason;
  return repeatable || isLetGo(reason)
    ? reason
    : mayHaveArrived(`${where(url)} was not waited for any longer`);
}

/** May the same request simply be sent again when nobody knows whether it arrived? */
function isRepeatable(
  { method, idempotencyKey, idempotent }: HttpAction,
  { effect }: AttemptContext,
): boolean {
  return (
    effect === 'read' ||
    method === 'GET' ||
    method === 'HEAD' ||
    idempotencyKey === true ||
    idempotent === true
  );
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

/** Why no answer came: a request that never left can simply be sent again, one that may have arrived is another matter. */
function lost(error: unknown, url: URL, repeatable: boolean): StepFailure {
  const code = codeOf(error);
  if (neverSent.has(code)) {
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

function codeOf(error: unknown): string {
  const { cause, code, name } = (error ?? {}) as { cause?: unknown; code?: string; name?: string };
  if (cause instanceof AggregateError) return codeOf(cause.errors[0]);
  return cause ? codeOf(cause) : (code ?? name ?? 'unknown');
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
    throw unanswered(error, url, action, context);
  }
  return { bytes: Buffer.concat(chunks), size, sha256: hash.digest('hex') };
}

function outputOf(
  action: HttpAction,
  response: Response,
  body: Body,
  context: AttemptContext,
): Json {
  const json = parse(response, body);
  if (action.pick) {
    const picked: JsonObject = {};
    for (const [name, path] of Object.entries(action.pick))
      picked[name] = (valueAt(json, path) ?? null) as Json;
    return Object.keys(picked).length === 0 ? { status: response.status } : picked;
  }
  if (json !== undefined && body.size <= maxWholeBytes)
    return { status: response.status, body: json };
  const text = headAndTail(
    context.secrets.redact(
      body.bytes.subarray(0, maxWholeBytes).toString('utf8').replaceAll('\0', ''),
    ),
    8_192,
  );
  return {
    status: response.status,
    text,
    truncated: body.size > 8_192,
    bytes: body.size,
    sha256: body.sha256,
  };
}

function parse(response: Response, body: Body): Json | undefined {
  if (!/\bjson\b/i.test(response.headers.get('content-type') ?? '') || body.size > maxParsedBytes)
    return undefined;
  try {
    return JSON.parse(body.bytes.toString('utf8')) as Json;
  } catch {
    return undefined;
  }
}

function succeeded(status: number, action: HttpAction): boolean {
  return action.statuses ? action.statuses.includes(status) : status >= 200 && status < 300;
}

function refusal(
  response: Response,
  body: Body,
  url: URL,
  target: TargetDeclaration,
  context: AttemptContext,
): StepFailure {
  const { status } = response;
  const said = saidIn(parse(response, body));
  const message = `${where(url)} answered ${status}${said ? `: ${context.secrets.redact(said)}` : ''}`;
  if (status === 401 || status === 403) {
    const secret = target.http?.bearer;
    return new StepFailure('HttpDenied', message, {
      next: secret
        ? `Check secret ${secret} of target ${target.name} in secrets.yaml: the service refuses it.`
        : `Target ${target.name} names no \`bearer\` secret in targets.yaml.`,
    });
  }
  if (passing.has(status) || status >= 500) {
    const wait = Number(response.headers.get('retry-after'));
    return new StepFailure(
      'HttpUnavailable',
      message,
      Number.isFinite(wait) && wait > 0 ? { retryAfterMs: Math.min(wait, 300) * 1_000 } : {},
    );
  }
  return new StepFailure('HttpRejected', message, { details: { status } });
}

/** The sentence that services put into `error.message`, `message` or `error`. */
function saidIn(body: Json | undefined): string {
  const candidates = [
    valueAt(body, 'error.message'),
    valueAt(body, 'message'),
    valueAt(body, 'error'),
  ];
  return String(candidates.find((each) => typeof each === 'string') ?? '').slice(0, 300);
}

/** An address without its query, which may hold what nobody should read. */
function where(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
