import { connectionTrouble } from '../common/network.js';
import type { TargetDeclaration } from '../language/targets-file.js';
import { parseUrl } from '../language/url.js';
import { StepFailure } from './failure.js';
import type { AttemptContext } from './handler.js';

/* What the errors of PostgreSQL and its driver mean for a step. */

/** What the driver says when it asks for encryption and the server says no. */
export const speaksNoTls = /does not support SSL/i;

/** Messages of the driver, without a code, for a connection that could not be made or was lost. */
const lostConnection =
  /connection terminated|connection error|not queryable|timeout expired|connect timeout/i;

/** SQLSTATE classes and codes, https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function asStepFailure(
  error: unknown,
  target: TargetDeclaration,
  context: AttemptContext,
): StepFailure {
  if (error instanceof StepFailure) return error;
  const { code = '', message = '' } = (error ?? {}) as { code?: string; message?: string };
  const place = `the database of target ${target.name} (${addressWithoutUser(target)})`;
  const said = context.secrets.quote(message);
  const trouble = connectionTrouble(error);
  if (trouble?.kind === 'tls' || speaksNoTls.test(message)) {
    const why = trouble?.kind === 'tls' ? `${trouble.said} (${trouble.code})` : 'it speaks no TLS';
    return new StepFailure(
      'TlsRefused',
      `no encrypted connection to ${place}, and nothing was sent: ${why}`,
      {
        next:
          'Name the authority of its certificate with `ca` in ' +
          'targets.yaml, or correct `sslmode` in the address.',
      },
    );
  }
  if (/^28/.test(code) || code === '42501' || code === '3D000') {
    return new StepFailure('SqlDenied', `${place} refuses: ${said} (${code})`, {
      next: `Check user, rights and password secret of target ${target.name}.`,
    });
  }
  if (trouble || /^(E[A-Z]+|08.*|57P0.)$/.test(code) || lostConnection.test(message)) {
    return new StepFailure('Unreachable', `${place} cannot be reached: ${code || said}`, {
      next: 'Is the database running, and is the address in targets.yaml right?',
    });
  }
  if (/^(40001|40P01|55P03|57014|25P03|53...)$/.test(code))
    return new StepFailure('SqlTransient', `${place} could not do it now: ${said} (${code})`);
  return new StepFailure(
    'SqlRejected',
    `${place} refuses the statement: ${said}${code ? ` (${code})` : ''}`,
    {
      details: { code },
    },
  );
}

function addressWithoutUser(target: TargetDeclaration): string {
  const url = parseUrl(target.postgres?.address ?? '');
  return url ? `${url.host}${url.pathname}` : 'no address';
}
