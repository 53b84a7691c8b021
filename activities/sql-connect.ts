import pg from 'pg';
import { connectionTrouble } from '../common/network.js';
import type { SqlAction } from '../language/kinds/sql.js';
import type { TargetDeclaration } from '../language/targets-file.js';
import { StepFailure } from './failure.js';
import type { AttemptContext } from './handler.js';
import { asStepFailure, speaksNoTls } from './sql-failure.js';
import { sessionName } from './sql-outcome.js';
import { connectionOf } from './sql-tls.js';
import { types } from './sql-values.js';
import { connectedAs } from './target-environment.js';

const connectMs = 5_000;
/** After this long without traffic TCP keep-alive probes the other end of the connection, in ms. */
const silenceMs = 5_000;

/**
 * The target as it is reached by one of its connections.
 * @throws StepFailure Configuration when it has none of that name
 */
export function reachedBy(
  {
    target: name,
    connection,
    credentials,
  }: Pick<SqlAction, 'target' | 'connection' | 'credentials'>,
  { targets }: Pick<AttemptContext, 'targets'>,
): TargetDeclaration {
  const target = targets.get(name);
  if (connection === undefined) return connectedAs(target, credentials);
  const found = target.connections?.[connection];
  if (found) return connectedAs({ ...target, postgres: found }, credentials);
  throw new StepFailure('Configuration', `target ${name} has no connection ${connection}`, {
    next: `Add \`connections: { ${connection}: { address: … } }\` to it in targets.yaml.`,
  });
}

/**
 * Connects to the database of the target.
 * @throws StepFailure
 */
export async function connect(
  target: TargetDeclaration,
  context: AttemptContext,
): Promise<pg.Client> {
  const { postgres } = target;
  if (!postgres) {
    throw new StepFailure('Configuration', `target ${target.name} declares no postgres address`, {
      next: 'Add `postgres: { address: … }` to it in targets.yaml.',
    });
  }
  const password =
    postgres.password === undefined
      ? undefined
      : await context.secrets.resolve(postgres.password, target.name);
  const { address, ways } = connectionOf(postgres, target.name);
  for (const [at, ssl] of ways.entries()) {
    const client = new pg.Client({
      connectionString: withPassword(address, password),
      ssl,
      application_name: sessionName(context.key),
      types,
      connectionTimeoutMillis: connectMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: silenceMs,
    });
    // An idle connection that breaks must not end the worker; the next query will fail.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (at + 1 < ways.length && isAboutEncryption(error)) continue;
      throw asStepFailure(error, target, context);
    }
  }
  throw new Error('connectionOf returned no ways to connect');
}

function isAboutEncryption(error: unknown): boolean {
  const { code = '', message = '' } = (error ?? {}) as { code?: string; message?: string };
  // 28000: pg_hba.conf wants another kind of connection.
  return connectionTrouble(error)?.kind === 'tls' || speaksNoTls.test(message) || code === '28000';
}

/**
 * In the address itself: pg lets an address override the fields beside it, so a password there
 * would be dropped.
 */
function withPassword(address: string, password: string | undefined): string {
  const url = new URL(address);
  if (password !== undefined) url.password = encodeURIComponent(password);
  return url.href;
}

/**
 * Lets the abort of an attempt cancel what the connection is doing.
 * @returns ends that
 */
export function cancelOnAbort(
  target: TargetDeclaration,
  context: AttemptContext,
  client: pg.Client,
): () => void {
  const cancel = (): void => {
    cancelBackend(target, context, client).catch(() => undefined);
  };
  context.signal.addEventListener('abort', cancel);
  return () => context.signal.removeEventListener('abort', cancel);
}

/** Ends the statement in the server: closing the connection alone would leave it running there. */
async function cancelBackend(
  target: TargetDeclaration,
  context: AttemptContext,
  client: pg.Client,
): Promise<void> {
  const pid = (client as unknown as { processID: number | null }).processID;
  if (pid === null) return;
  try {
    const second = await connect(target, context);
    await second.query('SELECT pg_cancel_backend($1)', [pid]);
    await second.end();
  } catch {
    await client.end().catch(() => undefined);
  }
}
