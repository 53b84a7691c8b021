import { valueAt } from '../language/dotted.js';
import type { Json } from '../language/json.js';
import type { HttpAction } from '../language/kinds/http.js';
import type { TargetDeclaration } from '../language/targets-file.js';
import { StepFailure } from './failure.js';
import type { AttemptContext } from './handler.js';
import { type Body, parse } from './http-answer.js';
import { where } from './http-request.js';
import { mayHaveArrived, mayRepeat, saysNotAccepted } from './http-send.js';

/** Statuses that say that nothing was done and the request may be repeated. */
const again = new Set([425, 429]);
/** Longest wait between two attempts that a service can ask for, in seconds. */
const maxRetryAfter = 300;

export function refusal(
  response: Response,
  body: Body,
  url: URL,
  target: TargetDeclaration,
  action: HttpAction,
  context: AttemptContext,
): StepFailure {
  const { status } = response;
  const said = saidIn(parse(response, body));
  const words = said ? `: ${context.secrets.quote(said)}` : '';
  const message = `${where(url)} answered ${status}${words}`;
  if (status === 401 || status === 403) {
    const secret = target.http?.bearer ?? target.http?.login?.password;
    if (!secret)
      return new StepFailure('HttpDenied', message, {
        next: `Target ${target.name} names no \`bearer\` secret in targets.yaml.`,
      });
    return new StepFailure('HttpDenied', message, {
      next:
        status === 401
          ? `Check secret ${secret} of target ${target.name} ` +
            'in secrets.yaml: the service refuses it.'
          : `The user of secret ${secret} of target ${target.name} may ` +
            'not do this: give that user the right at the service, or ' +
            'name another secret in secrets.yaml on the workers.',
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
  if (status < 400 && !saysNotAccepted(status) && !mayRepeat(action, context))
    return mayHaveArrived(message);
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

/** The sentence that services put into `error.message`, `message`, `error` or `detail`. */
function saidIn(body: Json | undefined): string {
  const candidates = [
    valueAt(body, 'error.message'),
    valueAt(body, 'message'),
    valueAt(body, 'error'),
    valueAt(body, 'detail'),
  ];
  return String(candidates.find((each) => typeof each === 'string') ?? '');
}
