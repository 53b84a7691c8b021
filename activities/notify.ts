import type { Handler } from './handler.js';
import { http } from './http.js';

/**
 * Posts a message to a webhook; a receiver that honours Idempotency-Key gets it once for all
 * attempts. A secret travels in the target's own header only, never in the message.
 */
export const notify: Handler<'notify'> = async (action, context) => {
  const message = await context.secrets.outgoing({
    text: action.text,
    run: context.run,
    step: context.step,
    fields: action.fields ?? {},
  });
  if (action.target === undefined) {
    context.output('log', `${message.text}\n`);
    return {
      sent: false,
      why: 'the runbook names no channel for it; the message is in the report',
      message,
    };
  }
  const answer = await http(
    {
      kind: 'http',
      target: action.target,
      method: 'POST',
      path: '',
      json: message,
      idempotencyKey: true,
      pick: {},
    },
    context,
  );
  return { sent: true, to: action.target, message, answer };
};
