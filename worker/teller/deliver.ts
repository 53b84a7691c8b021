import type { AttemptSecrets } from '../../activities/secrets.js';
import type { Message } from '../../common/message.js';
import { visibleJson } from '../../common/visible.js';
import { parseUrl } from '../../language/url.js';
import { channelKindOf, channelRule, type TargetDeclaration } from '../../language/targets-file.js';
import { sendMail } from './mail.js';
import { NotSent } from './not-sent.js';
import { post } from './post.js';
import { runProgram } from './program.js';
import { slackBody } from './slack.js';
import { textOf } from './text.js';

export interface Delivery {
  channel: TargetDeclaration;
  /** Redacted. */
  message: Message;
  secrets: AttemptSecrets;
  timeoutMs: number;
}

/**
 * Sends a message once, by the way that its channel declares.
 * @throws NotSent
 * @throws StepFailure Configuration, when a secret or a file is missing
 */
export async function deliver({ channel, message, secrets, timeoutMs }: Delivery): Promise<void> {
  const { name, http, slack, email, command } = channel;
  const signal = AbortSignal.timeout(timeoutMs);
  const quote = (text: string): string => secrets.quote(text, 'end');
  const kind = channelKindOf(channel);
  if (kind === 'slack' && slack) {
    const url = parseUrl(await secrets.resolve(slack.webhook, name));
    if (!url) throw new NotSent(`secret ${slack.webhook} is no address`, false);
    const body = JSON.stringify(slackBody(message));
    return post({ url, headers: {}, body, ca: slack.ca, channel: name, signal });
  }
  if (kind === 'email' && email) {
    const password =
      email.password === undefined ? undefined : await secrets.resolve(email.password, name);
    return sendMail({ mail: email, password, message, channel: name, quote, timeoutMs, signal });
  }
  if (kind === 'command' && command) {
    const env: Record<string, string> = {};
    for (const [variable, secret] of Object.entries(command.env))
      env[variable] = await secrets.resolve(secret, name);
    const { argv } = command;
    return runProgram({ argv, env, body: jsonOf(message), id: message.id, quote, signal });
  }
  if (kind === 'http' && http) {
    const headers = { ...http.headers, 'idempotency-key': message.id };
    const token =
      http.bearer === undefined
        ? {}
        : { authorization: `Bearer ${await secrets.resolve(http.bearer, name)}` };
    return post({
      url: new URL(http.address),
      headers: { ...headers, ...token },
      body: jsonOf(message),
      ca: http.ca,
      channel: name,
      signal,
    });
  }
  throw new NotSent(`target ${name} cannot tell anybody: ${channelRule}`, false);
}

/** For programs: all fields, and the same in words. */
function jsonOf(message: Message): string {
  return visibleJson({ text: textOf(message), ...message });
}
