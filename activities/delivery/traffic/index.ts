import { z } from 'zod';
import type { TargetDeclaration } from '../../../language/targets-file.js';
import { StepFailure } from '../../failure.js';
import { caddy } from './caddy.js';
import { haproxy } from './haproxy.js';
import { nginx } from './nginx.js';
import type { TrafficSwitch } from './switch.js';

/** A target's facts about the proxy in front of it. */
const facts = z.discriminatedUnion('proxy', [
  z.object({
    proxy: z.literal('haproxy'),
    pool: z.string().min(1),
    socket: z.string().min(1),
    stateFile: z.string().optional(),
  }),
  z.object({ proxy: z.literal('caddy'), pool: z.string().min(1), admin: z.url() }),
  z.object({
    proxy: z.literal('nginx'),
    pool: z.string().min(1),
    upstream: z.string().min(1),
    status: z.url(),
    config: z.string().min(1),
    pidFile: z.string().min(1),
    log: z.string().min(1),
    program: z.string().min(1).optional(),
  }),
]);

/** The switch of the proxy in front of a target. @throws StepFailure Configuration */
export function trafficOf({
  name,
  facts: declared,
}: Pick<TargetDeclaration, 'name' | 'facts'>): TrafficSwitch {
  const parsed = facts.safeParse(declared);
  if (!parsed.success) {
    throw new StepFailure(
      'Configuration',
      `target ${name} does not say which proxy stands in front of it`,
      {
        next:
          'Add facts to it in targets.yaml: `proxy: haproxy` with ' +
          '`pool` and `socket`, `proxy: caddy` with `pool` and `admin`, ' +
          'or `proxy: nginx` with what docs/operating.md lists.',
      },
    );
  }
  const { data } = parsed;
  if (data.proxy === 'caddy') return caddy(data);
  if (data.proxy === 'nginx') {
    const { program, ...settings } = data;
    return nginx(program === undefined ? settings : { ...settings, program });
  }
  const { stateFile, ...settings } = data;
  return haproxy(stateFile === undefined ? settings : { ...settings, stateFile });
}
