import { hostname, userInfo } from 'node:os';
import { maxSenderLength, type Sender } from '../common/sender.js';

/** The user of the operating system. */
export function systemUser(env: NodeJS.ProcessEnv = process.env): string {
  try {
    return userInfo().username;
  } catch {
    return env['USER'] ?? 'unknown';
  }
}

/** What goes with every request beside the name that is stated. */
export function thisSender(): Sender {
  const cut = (text: string): string => text.slice(0, maxSenderLength) || 'unknown';
  return { user: cut(systemUser()), host: cut(hostname()) };
}
