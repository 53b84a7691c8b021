import type { HttpAction } from '../language/kinds/http.js';
import type { TargetDeclaration } from '../language/targets-file.js';
import { StepFailure } from './failure.js';
import type { AttemptContext } from './handler.js';
import { credentialsOf } from './target-environment.js';

type Address = NonNullable<TargetDeclaration['http']>;

/** @throws StepFailure Configuration */
export function addressIn(target: TargetDeclaration, named: string | undefined): Address {
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
export function bearerOf(target: TargetDeclaration, { credentials }: HttpAction): Partial<Address> {
  const bearer = credentialsOf(target, credentials)?.bearer;
  return bearer === undefined ? {} : { bearer };
}

/** What a refusal says is shown as it is: it has nothing to pick. */
export function withoutPicks({ pick: _pick, ...action }: HttpAction): HttpAction {
  return action;
}

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

export function headersOf(
  action: HttpAction,
  address: Address,
  target: string,
  token: string | undefined,
  context: AttemptContext,
): Headers {
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
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  return headers;
}

/** An address without its query, which may hold something secret. */
export function where(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
