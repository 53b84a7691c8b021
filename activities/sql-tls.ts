import type { ConnectionOptions } from 'node:tls';
import { sslModeOf, type TargetDeclaration } from '../language/targets-file.js';
import { certificatesIn } from './certificates.js';

/*
 * Encryption of a connection to PostgreSQL, by `sslmode` as psql understands it; the driver's own
 * reading of it differs.
 */

type Postgres = NonNullable<TargetDeclaration['postgres']>;

export interface SqlConnection {
  /** The address without its encryption parameters. */
  address: string;
  /** Options to try, in order: the next only if the previous one failed because of encryption. */
  ways: (ConnectionOptions | false)[];
}

const ours = ['sslmode', 'ssl', 'sslrootcert', 'sslcert', 'sslkey', 'uselibpqcompat'];

/**
 * How to connect to a database.
 * @throws StepFailure Configuration when a file that is named cannot be read
 */
export function connectionOf(postgres: Postgres, target: string): SqlConnection {
  const url = new URL(postgres.address);
  const said = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  const rootCert = postgres.ca ?? said('sslrootcert');
  const mode = sslModeOf(postgres) ?? 'disable';
  const file = (path: string | undefined): Buffer | undefined =>
    path === undefined || path === 'system' ? undefined : certificatesIn(path, target);
  const base = (): ConnectionOptions => ({
    // Without it the certificate of an IP address would be compared with "localhost".
    host: url.hostname.replace(/^\[|\]$/g, ''),
    ...given('ca', file(rootCert)),
    ...given('cert', file(said('sslcert'))),
    ...given('key', file(said('sslkey'))),
  });
  const chainOnly = (): ConnectionOptions => ({ ...base(), checkServerIdentity: () => undefined });
  const unverified = (): ConnectionOptions => ({ ...base(), rejectUnauthorized: false });
  const ways: Record<typeof mode, () => SqlConnection['ways']> = {
    disable: () => [false],
    allow: () => [false, unverified()],
    prefer: () => [unverified(), false],
    'no-verify': () => [unverified()],
    // As psql: naming an authority asks for verification by it.
    require: () => [rootCert === undefined ? unverified() : chainOnly()],
    'verify-ca': () => [chainOnly()],
    'verify-full': () => [base()],
  };
  const found = ways[mode]();
  for (const name of ours) url.searchParams.delete(name);
  return { address: url.href, ways: found };
}

function given(name: string, value: Buffer | undefined): ConnectionOptions {
  return value === undefined ? {} : { [name]: value };
}
