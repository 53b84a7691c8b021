import { sslModeOf, type TargetDeclaration } from '../language/targets-file.js';
import { StepFailure } from './failure.js';
import type { AttemptContext } from './handler.js';
import { sessionName } from './sql-outcome.js';

/** Seconds that a program's connection to a database may take to be made. */
const connectSeconds = '10';

type Credentials = NonNullable<TargetDeclaration['credentials']>[string];

/**
 * The credentials of a target that a step names; undefined: those of its main address.
 * @throws StepFailure Configuration when the target declares none of that name
 */
export function credentialsOf(
  target: TargetDeclaration,
  name: string | undefined,
): Credentials | undefined {
  if (name === undefined) return undefined;
  const found = target.credentials?.[name];
  if (found || name === 'main') return found;
  throw new StepFailure('Configuration', `target ${target.name} has no credentials ${name}`, {
    next: `Add \`credentials: { ${name}: { … } }\` to it in targets.yaml.`,
  });
}

/** The target as somebody with these credentials connects to its database. */
export function connectedAs(
  target: TargetDeclaration,
  name: string | undefined,
): TargetDeclaration {
  const own = credentialsOf(target, name);
  const { postgres } = target;
  if (!postgres || own?.user === undefined) return target;
  const url = new URL(postgres.address);
  url.username = encodeURIComponent(own.user);
  // Another user does not have the password of the address.
  const { password: _other, ...rest } = postgres;
  const password = own.password === undefined ? {} : { password: own.password };
  return { ...target, postgres: { ...rest, address: url.href, ...password } };
}

/**
 * What a program needs to reach its target, in variables of its own: they go through memory only,
 * and end with the program.
 * @throws StepFailure Configuration
 */
export async function targetEnvironment(
  target: TargetDeclaration,
  name: string,
  { secrets, key }: Pick<AttemptContext, 'secrets' | 'key'>,
): Promise<Record<string, string>> {
  const own = credentialsOf(target, name);
  const env: Record<string, string> = {};
  const { postgres } = connectedAs(target, name);
  if (postgres) {
    const url = new URL(postgres.address);
    const user = decodeURIComponent(url.username);
    const { password } = postgres;
    const mode = sslModeOf(postgres);
    Object.assign(env, {
      PGHOST: url.hostname.replace(/^\[|\]$/g, ''),
      PGPORT: url.port || '5432',
      PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
      PGAPPNAME: sessionName(key),
      PGCONNECT_TIMEOUT: connectSeconds,
      ...(user === '' ? {} : { PGUSER: user }),
      // The driver's own word; programs know it as `require`.
      ...(mode === undefined ? {} : { PGSSLMODE: mode === 'no-verify' ? 'require' : mode }),
      ...(postgres.ca === undefined ? {} : { PGSSLROOTCERT: postgres.ca }),
    });
    if (password !== undefined) env['PGPASSWORD'] = await secrets.resolve(password, target.name);
  }
  for (const [variable, secret] of Object.entries(own?.env ?? {}))
    env[variable] = await secrets.resolve(secret, target.name);
  return env;
}
