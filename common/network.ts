/*
 * The one list of connection error codes, for connections to services, databases and the record.
 */

/** Codes of a connection that was never made: nothing was sent. */
const notConnected: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_NONAME',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Codes of a connection that broke, possibly after data was sent. */
const lost: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
]);

/**
 * A certificate that is not accepted: https://nodejs.org/api/tls.html#x509-certificate-error-codes
 */
const certificate =
  /^(CERT_|CRL_|UNABLE_TO_|ERROR_IN_C|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$|HOSTNAME_MISMATCH$)/;

/**
 * OpenSSL's messages for a failed handshake; later TLS errors are not in this list.
 */
const handshake =
  /wrong[ _]version[ _]number|unsupported[ _]protocol|unknown[ _]protocol|protocol[ _]version|handshake[ _]failure|no[ _]protocols[ _]available|packet[ _]length[ _]too[ _]long|http[ _]request|no[ _]shared[ _]cipher|unrecognized[ _]name|alert[ _]unknown[ _]ca|certificate[ _]required|(bad|unknown|expired|revoked)[ _]certificate|certificate[ _](unknown|expired|revoked)|(key|md)[ _]too[ _](small|weak)|before secure TLS connection/i;

export interface ConnectionTrouble {
  /** The most telling code, such as ECONNREFUSED. */
  code: string;
  /**
   * tls: the handshake failed; unmade: no connection at all; broken: the connection was lost, and
   * what was sent over it may have arrived.
   */
  kind: 'tls' | 'unmade' | 'broken';
  /** For `tls`: what was wrong, in the words of the library, without an address. */
  said: string;
}

interface Thrown {
  code?: unknown;
  name?: unknown;
  message?: unknown;
  syscall?: unknown;
  cause?: unknown;
  errors?: unknown;
}

/** Classifies a connection error; undefined when the error is about something else. */
export function connectionTrouble(error: unknown): ConnectionTrouble | undefined {
  const { code, message, syscall } = rootOf(error);
  const name = typeof code === 'string' ? code : '';
  const text = typeof message === 'string' ? message : '';
  const trouble = (kind: ConnectionTrouble['kind'], said = ''): ConnectionTrouble => ({
    code: name,
    kind,
    said,
  });
  if (certificate.test(name)) return trouble('tls', sentenceOf(text));
  const isTls = /^(ERR_SSL_|EPROTO$|ECONNRESET$)/.test(name);
  if (isTls && handshake.test(`${name} ${text}`)) return trouble('tls', handshakeWords(name, text));
  if (notConnected.has(name) || syscall === 'connect' || syscall === 'getaddrinfo')
    return trouble('unmade');
  return lost.has(name) ? trouble('broken') : undefined;
}

/** Whether this is the code of a connection that could not be made, or that broke. */
export function isConnectionCode(code: unknown): boolean {
  return typeof code === 'string' && (notConnected.has(code) || lost.has(code));
}

/** The code of an error, or its name: for people. */
export function codeOf(error: unknown): string {
  const { code, name } = rootOf(error);
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown';
}

/** The innermost cause. A connection to several addresses fails with one error for each. */
function rootOf(error: unknown): Thrown {
  const thrown = (error ?? {}) as Thrown;
  if (Array.isArray(thrown.errors) && thrown.errors.length > 0) return rootOf(thrown.errors[0]);
  return thrown.cause ? rootOf(thrown.cause) : thrown;
}

function handshakeWords(code: string, text: string): string {
  if (/before secure TLS/.test(text)) return 'the connection was closed before it was encrypted';
  if (/wrong[ _]version[ _]number|packet[ _]length|http[ _]request/i.test(`${code} ${text}`))
    return 'the other side does not speak TLS there';
  return code
    .replace(/^ERR_SSL_/, '')
    .replaceAll('_', ' ')
    .toLowerCase();
}

function sentenceOf(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200);
}
