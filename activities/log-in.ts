import type { HttpAction } from '../language/kinds/http.js';
import type { TargetDeclaration } from '../language/targets-file.js';
import { valueAt } from '../language/dotted.js';
import { StepFailure } from './failure.js';
import type { AttemptContext } from './handler.js';
import { parse, readBody } from './http-answer.js';
import { addressOf, where } from './http-request.js';
import { send, succeeded } from './http-send.js';

type Address = NonNullable<TargetDeclaration['http']>;
type LogIn = NonNullable<Address['login']>;

/** Tokens that this worker has got, by who asked where. In memory only. */
const tokens = new Map<string, string>();

/** Forgets a token that the service does not accept any more. @returns whether there was one */
export function forgetToken(target: string, { address, login }: Address): boolean {
  return login !== undefined && tokens.delete(keyOf(target, address, login));
}

/**
 * The token for a request: the secret that is given, or what the service gives for user and
 * password.
 * @throws StepFailure
 */
export async function tokenOf(
  target: string,
  { address, bearer, login }: Address,
  ca: Buffer | undefined,
  context: AttemptContext,
): Promise<string | undefined> {
  if (bearer !== undefined) return context.secrets.resolve(bearer, target);
  if (login === undefined) return undefined;
  const key = keyOf(target, address, login);
  const token = tokens.get(key) ?? (await loggedIn(target, address, login, ca, context));
  tokens.set(key, token);
  // What a secret was exchanged for is one, too.
  context.secrets.redactor.add(login.password, token);
  return token;
}

async function loggedIn(
  target: string,
  address: string,
  login: LogIn,
  ca: Buffer | undefined,
  context: AttemptContext,
): Promise<string> {
  const password = await context.secrets.resolve(login.password, target);
  const action: HttpAction = {
    ...{ kind: 'http', target, method: 'POST', path: login.path, idempotent: true },
    json: { username: login.user, password },
  };
  const url = addressOf(action, address);
  const headers = new Headers({
    ...{ accept: 'application/json', 'content-type': 'application/json' },
    'user-agent': 'durable-runbooks',
  });
  const response = await send({ url, headers, ca }, action, context);
  // The answer is the token: it is no output.
  const body = await readBody(response, url, action, { ...context, output: () => undefined });
  const what = `${where(url)} answered ${response.status} to the log-in of ${login.user}`;
  if (response.status >= 500 || response.status === 429)
    throw new StepFailure('HttpUnavailable', what, { nothingDone: true });
  if (!succeeded(response.status, action))
    throw new StepFailure('HttpDenied', what, {
      next:
        `Check \`http.address\` and \`http.login\` of target ${target} in targets.yaml, and ` +
        `secret ${login.password} in secrets.yaml.`,
    });
  const token = valueAt(parse(response, body), login.token);
  if (typeof token === 'string' && token !== '') return token;
  throw new StepFailure('AnswerUnusable', `${what}, and there is no ${login.token} in it`, {
    next: `Name the field with the token in \`http.login.token\` of target ${target}.`,
  });
}

function keyOf(target: string, address: string, { path, user }: LogIn): string {
  return JSON.stringify([target, address, path, user]);
}
