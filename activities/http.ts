import { certificatesIn } from './certificates.js';
import { StepFailure } from './failure.js';
import type { Handler } from './handler.js';
import { addressIn, addressOf, bearerOf, headersOf, where, withoutPicks } from './http-request.js';
import { mayHaveArrived, mayRepeat, send, succeeded } from './http-send.js';
import { outputOf, readBody } from './http-answer.js';
import { refusal } from './http-refusal.js';
import { forgetToken, tokenOf } from './log-in.js';

/**
 * Sends one request to the target's own address and nowhere else: the path cannot leave it,
 * redirects to another origin are refused, and the token never travels further than the target.
 */
export const http: Handler<'http'> = async (action, context) => {
  const target = context.targets.get(action.target);
  const declared = addressIn(target, action.address);
  const repeatable = mayRepeat(action, context);
  if (context.resumedFrom !== null && context.evidence !== null && !repeatable)
    throw mayHaveArrived('the worker died while it asked the service');
  context.assertLeaseHeld?.();
  const url = addressOf(action, declared.address);
  const ca = declared.ca === undefined ? undefined : certificatesIn(declared.ca, target.name);
  const asked = { ...declared, ...bearerOf(target, action) };
  const signed = async (): Promise<Headers> =>
    headersOf(action, asked, target.name, await tokenOf(target.name, asked, ca, context), context);
  const headers = await signed();
  // Kept before sending: a worker that finds no evidence knows that nothing was sent, and one that
  // lost the attempt to another worker sends nothing.
  if (!repeatable && !(await context.keepEvidence({ sent: where(url) }))) {
    throw new StepFailure(
      'WorkerLost',
      'this attempt was taken over by another worker; nothing was sent',
    );
  }
  let response = await send({ url, headers, ca }, action, context);
  // Its token has expired: the service has refused the request, and nothing was done.
  if (response.status === 401 && asked.bearer === undefined && forgetToken(target.name, declared)) {
    await response.body?.cancel();
    response = await send({ url, headers: await signed(), ca }, action, context);
  }
  const body = await readBody(response, url, action, context);
  if (!succeeded(response.status, action)) {
    const refused = refusal(response, body, url, target, action, context);
    refused.extra.answer = outputOf(withoutPicks(action), response, body, url, context);
    throw refused;
  }
  return outputOf(action, response, body, url, context);
};
