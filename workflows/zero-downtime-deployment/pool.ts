import type { Json } from '../../language/json.js';
import type { TrafficAction, TrafficServer } from '../../language/kinds/delivery/traffic.js';
import { ProcedureStopped } from '../engine/outcome.js';
import type { Running } from '../../common/answers.js';

/** The parts of the proxy's answer that are needed here. */
export interface SeenTraffic {
  proxy: string;
  pool: string;
  servers: TrafficServer[];
}

/** Who serves now, and where the new version goes. */
export interface Places {
  old: { server: string; version: string; address: string };
  next: { server: string };
}

/** What even a good release may cost users behind a proxy; absent where it costs nothing. */
const costs: Readonly<Record<string, string>> = {
  caddy:
    'each change of weights is a new configuration of Caddy: it closes idle connections, and a ' +
    'request that comes just then has to be sent again, or is lost or answered 502',
  nginx:
    'each change of weights is a reload of nginx: it closes idle connections, and a request that ' +
    'comes just then has to be sent again, or is lost',
};

/** Evidence for the approver: what users may notice although the release is good. */
export function noticedOf({ proxy }: SeenTraffic): Record<string, string> {
  const cost = costs[proxy];
  return cost === undefined ? {} : { 'what users may notice': cost };
}

/** A proxy's weights go to 256, but people think in percent. */
const whole = 100;

/**
 * Checks that exactly one server has the traffic and another one is free: anything else is an
 * unfinished deployment.
 * @throws ProcedureStopped
 */
export function placesOf(
  { servers, pool }: SeenTraffic,
  running: Running,
  version: string,
): Places {
  const serving = servers.filter(({ weight }) => weight > 0);
  const [old] = serving;
  const listed = servers
    .map(({ name, address, weight }) => `${name}: ${address ?? 'empty'}, weight ${weight}`)
    .join('; ');
  if (!old || serving.length > 1 || old.address === null) {
    throw new ProcedureStopped(
      `${serving.length} servers of ${pool} have traffic, and exactly one should (${listed})`,
      'Somebody may be deploying, or a deployment was ' +
        'left half-way: bring the pool to one server first.',
    );
  }
  const free = servers.find(
    ({ name, address }) => name !== old.name && address === null && !running.servers[name],
  );
  if (!free) {
    throw new ProcedureStopped(
      `no server of ${pool} is free for the new version (${listed})`,
      'Stop what is not used any more.',
    );
  }
  const runs = running.servers[old.name];
  if (!runs) {
    throw new ProcedureStopped(
      `the proxy sends traffic to ${old.name}, of which the deployer knows nothing`,
      'See what runs there, and whether deployer and proxy belong together.',
    );
  }
  if (runs.version === version)
    throw new ProcedureStopped(
      `version ${version} runs already, on ${old.name}`,
      'There is nothing to deploy.',
    );
  return {
    old: { server: old.name, version: runs.version, address: old.address },
    next: { server: free.name },
  };
}

/** The old version has all traffic, as it was before anything was changed. */
export function asBefore(target: string, { old, next }: Places): TrafficAction {
  const servers: TrafficServer[] = [
    { name: old.server, address: old.address, weight: whole },
    { name: next.server, address: null, weight: 0 },
  ];
  return { kind: 'traffic', target, operation: 'set', servers };
}

/** The proxy's side of the deployment, as data. */
export function trafficFor(target: string, { old, next }: Places, address: string) {
  const set = (...servers: TrafficServer[]): TrafficAction => ({
    kind: 'traffic',
    target,
    operation: 'set',
    servers,
  });
  const oldAt = (weight: number): TrafficServer => ({
    name: old.server,
    address: old.address,
    weight,
  });
  const nextAt = (weight: number): TrafficServer => ({ name: next.server, address, weight });
  const emptyPlace = (server: string): TrafficServer => ({
    name: server,
    address: null,
    weight: 0,
  });
  return {
    /** In the pool, with weight 0. */
    enter: (): TrafficAction => set(oldAt(whole), nextAt(0)),
    leave: (): TrafficAction => asBefore(target, { old, next }),
    /** @param percent share of the new version */
    share: (percent: number): TrafficAction => set(oldAt(whole - percent), nextAt(percent)),
    /** All traffic to the old version. */
    back: (): TrafficAction => set(oldAt(whole), nextAt(0)),
    drainOld: (limitMs: number): TrafficAction => ({
      kind: 'traffic',
      target,
      operation: 'drain',
      servers: [oldAt(0)],
      limitMs,
    }),
    emptyOld: (): TrafficAction => set(nextAt(whole), emptyPlace(old.server)),
    /** In the pool again, with weight 0. */
    returnOld: (): TrafficAction => set(nextAt(whole), oldAt(0)),
  };
}

export const observe = (target: string): TrafficAction => ({
  kind: 'traffic',
  target,
  operation: 'observe',
});

export const seen = (output: Json): SeenTraffic => output as unknown as SeenTraffic;
