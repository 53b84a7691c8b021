import { createTransport } from 'nodemailer';
import { certificatesIn } from '../../activities/certificates.js';
import type { Message } from '../../common/message.js';
import { isConnectionCode } from '../../common/network.js';
import type { TargetDeclaration } from '../../language/targets-file.js';
import { NotSent } from './not-sent.js';
import { headline } from './sections.js';
import { textOf } from './text.js';

type Mail = NonNullable<TargetDeclaration['email']>;

export interface MailRequest {
  mail: Mail;
  /** Undefined: no login. */
  password: string | undefined;
  message: Message;
  /** Name of the channel. */
  channel: string;
  /** Shortens what the server said, for people. */
  quote: (text: string) => string;
  timeoutMs: number;
  signal: AbortSignal;
}

/** The server refused before it had the message. */
const refusedBefore: ReadonlySet<string> = new Set([
  ...['EENVELOPE', 'EAUTH', 'ENOAUTH', 'EDNS', 'ETLS', 'EREQUIRETLS', 'ECONFIG'],
]);

/**
 * Sends a message as one mail to all addresses, as text alone. A login goes over an encrypted
 * connection only. The message's id makes the Message-ID; later messages about the same call refer
 * to the first, so that mail programs show a thread.
 * @throws NotSent
 */
export async function sendMail(request: MailRequest): Promise<void> {
  const { mail, password, message, channel, quote, timeoutMs, signal } = request;
  const server = new URL(mail.server);
  const secure = server.protocol === 'smtps:';
  const transport = createTransport({
    host: server.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(server.port) || (secure ? 465 : 587),
    secure,
    requireTLS: password !== undefined,
    ...(password === undefined
      ? {}
      : { auth: { user: decodeURIComponent(server.username), pass: password } }),
    ...(mail.ca === undefined ? {} : { tls: { ca: certificatesIn(mail.ca, channel) } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    const { rejected, response } = await transport.sendMail({ ...mailOf(message, mail), signal });
    if (rejected.length > 0)
      throw new NotSent(`${rejected.length} addresses were refused: ${quote(response)}`, true);
  } catch (error) {
    throw error instanceof NotSent ? error : notSent(error, quote);
  } finally {
    transport.close();
  }
}

function mailOf(message: Message, { from, to }: Mail) {
  const domain = from.slice(from.lastIndexOf('@') + 1);
  const idOf = (id: string): string => `<${id}@${domain}>`;
  const isFirst = message.first === message.id;
  return {
    from,
    to,
    // One line; what no header may carry is encoded by the library.
    subject: headline(message),
    text: `${textOf(message)}\n`,
    messageId: idOf(message.id),
    ...(isFirst ? {} : { inReplyTo: idOf(message.first), references: [idOf(message.first)] }),
    // Nobody's absence is to be answered.
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Runbook-Run': message.run },
  };
}

function notSent(error: unknown, quote: MailRequest['quote']): NotSent {
  const {
    code = 'unknown',
    command,
    response,
  } = error as { code?: string; command?: string; response?: string };
  const said = response ? `: ${quote(response)}` : '';
  // A refusal is an answer; a connection that was never made carried nothing.
  const certainly =
    refusedBefore.has(code) ||
    (code === 'EMESSAGE' && response) ||
    command === 'CONN' ||
    (isConnectionCode(code) && command === undefined);
  return new NotSent(`the mail server did not take it (${code})${said}`, !certainly);
}
