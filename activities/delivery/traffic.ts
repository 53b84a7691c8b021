import type { Json } from '../../language/json.js';
import { StepFailure } from '../failure.js';
import type { AttemptContext, Handler } from '../handler.js';
import { trafficOf } from './traffic/index.js';
import { drain } from './traffic/switch.js';

const drainMs = 30_000;

/**
 * Reads the proxy in front of a target, or changes it. The wanted state is declared whole, so an
 * attempt whose worker died is simply repeated: what the proxy already does is not sent again.
 */
export const traffic: Handler<'traffic'> = async (action, context) => {
  const proxy = trafficOf(context.targets.get(action.target));
  if (action.operation === 'observe')
    return (await proxy.observe(context.signal)) as unknown as Json;
  await assertStillOwned(context);
  const servers = action.servers ?? [];
  if (action.operation === 'set')
    return (await proxy.apply(servers, context.signal)) as unknown as Json;
  const drained: Record<string, Json> = {};
  for (const { name } of servers) {
    const { drained: empty, active } = await drain(proxy, name, {
      limitMs: action.limitMs ?? drainMs,
      signal: context.signal,
    });
    drained[name] = { empty, active };
    context.progress({ [name]: active });
  }
  return { drained };
};

/** A worker that lost the attempt to another worker must change nothing any more. */
async function assertStillOwned(context: AttemptContext): Promise<void> {
  context.assertLeaseHeld?.();
  if (!(await context.keepEvidence({ asked: new Date().toISOString() })))
    throw new StepFailure(
      'WorkerLost',
      'this attempt was taken over by another worker; nothing was sent',
    );
}
