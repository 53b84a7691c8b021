import { visibleLine } from './visible.js';

/**
 * The operating system's user and the host that a request was sent from, as the sender's program
 * says them. Nothing proves them, as nothing proves the name beside them.
 */
export interface Sender {
  user: string;
  host: string;
}

/** Characters that are kept of a user or a host. */
export const maxSenderLength = 200;

/** What something that arrived says of its sender; undefined when it does not say. */
export function senderIn(value: unknown): Sender | undefined {
  if (value === null || typeof value !== 'object') return undefined;
  const { user, host } = value as Partial<Record<keyof Sender, unknown>>;
  if (typeof user !== 'string' || typeof host !== 'string') return undefined;
  return { user: user.slice(0, maxSenderLength), host: host.slice(0, maxSenderLength) };
}

/**
 * A name as it was stated, and from where: `ada (stated; root@host)`. For whoever has to prove
 * later who decided.
 * @param by empty: no name was stated
 * @param sender undefined: it does not say, as a signal that was sent by hand
 */
export function statedName(by: string, sender: Sender | undefined): string {
  const from = sender
    ? visibleLine(`${sender.user}@${sender.host}`, 2 * maxSenderLength + 1)
    : 'user and host not stated';
  return by === '' ? `somebody (name not stated; ${from})` : `${by} (stated; ${from})`;
}
