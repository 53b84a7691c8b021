import { setTimeout as delay } from 'node:timers/promises';
import { StepFailure } from '../../failure.js';
import { addressForms, parseAddress, sameText } from './address.js';
import type { Buckets } from './prometheus.js';

/*
 * Which servers get the users' requests: one small interface for every proxy. A pool has named
 * servers (slots); the address in a slot, and its share of the requests, are set in the running
 * proxy, and read back from it.
 */

/** The largest weight that all proxies accept. */
const maxWeight = 256;

export interface WantedServer {
  /** The slot's name in the proxy, such as `blue`. */
  name: string;
  /** Its address, in one of the forms of `address.ts`; null: the slot is empty. */
  address: string | null;
  /** Its relative share, 0 to 256; 0: no new requests. */
  weight: number;
}

/** The proxy's counters since their last reset; see `epoch`. */
interface ServerCounters {
  /** Requests that it was given and that have ended. */
  requests: number;
  /**
   * Failed ones: 5xx, connection refused, connection lost before the answer; also if another server
   * then answered.
   */
  errors: number;
  /** Response times: a histogram, a mean of recent ones if the proxy has no more, or null. */
  latency: { kind: 'histogram'; buckets: Buckets } | { kind: 'mean'; ms: number } | null;
}

export interface ObservedServer extends WantedServer {
  /** Does the proxy consider it up? null: it does not report that. */
  up: boolean | null;
  /** Requests in flight there now. */
  active: number;
  counters: ServerCounters;
}

export interface ObservedTraffic {
  proxy: 'haproxy' | 'caddy' | 'nginx';
  pool: string;
  /**
   * Changes whenever the proxy resets its counters (a restart; with Caddy every change of its
   * configuration).
   */
  epoch: string;
  /**
   * Changes when the proxy is restarted, and may have lost its settings; absent where it always
   * keeps them.
   */
  started?: string;
  servers: ObservedServer[];
}

export interface TrafficChange {
  /** The previous state: applying it undoes the change. */
  before: WantedServer[];
  after: WantedServer[];
  /**
   * The servers that were changed; empty when the proxy had the wanted state, and nothing was sent.
   */
  changed: string[];
  /** The proxy process that was read back; null where it does not matter, see `ObservedTraffic`. */
  started: string | null;
}

export interface TrafficSwitch {
  /** The current state of the running proxy. @throws StepFailure Unreachable, Configuration */
  observe(signal?: AbortSignal): Promise<ObservedTraffic>;
  /**
   * Brings the running proxy into the wanted state, and reads it back. Servers that are not named
   * stay as they are. What it already does is not sent again.
   * @throws StepFailure Unreachable, Configuration; VerifyFailed when the proxy reports another
   *   state
   */
  apply(wanted: readonly WantedServer[], signal?: AbortSignal): Promise<TrafficChange>;
  /** The same servers with addresses as the proxy reports them, so that they can be compared. */
  withProxyAddresses(
    servers: readonly WantedServer[],
    observed: ObservedTraffic,
  ): Promise<WantedServer[]>;
}

/** What each proxy implements; the rest is the same for all. */
export interface ProxyDriver {
  observe(signal?: AbortSignal): Promise<ObservedTraffic>;
  /** Changes the proxy. @param change the servers that differ, in their wanted state */
  update(
    change: readonly WantedServer[],
    observed: ObservedTraffic,
    signal?: AbortSignal,
  ): Promise<void>;
  /**
   * For a proxy that reports an address in another form than it was given: an IP, not a name.
   * @param said the address that it reports for this server now
   */
  proxyAddressOf?(address: string, said: string | null): Promise<string>;
  /**
   * Does it have this address for the server already, also while nothing runs there? Then the
   * address is not validated.
   */
  has?(name: string, address: string): boolean;
}

/** A switch on top of a proxy driver. */
export class Switch implements TrafficSwitch {
  constructor(private readonly driver: ProxyDriver) {}

  observe(signal?: AbortSignal): Promise<ObservedTraffic> {
    return this.driver.observe(signal);
  }

  withProxyAddresses(
    servers: readonly WantedServer[],
    observed: ObservedTraffic,
  ): Promise<WantedServer[]> {
    return Promise.all(
      servers.map(async ({ name, address, weight }) => {
        const said = observed.servers.find((each) => each.name === name)?.address ?? null;
        // An address that the proxy reports needs no conversion.
        if (address === null || address === said || this.driver.has?.(name, address))
          return { name, address, weight };
        const one = sameText(address);
        const converted = parseAddress(one) ? await this.driver.proxyAddressOf?.(one, said) : one;
        return { name, address: converted ?? one, weight };
      }),
    );
  }

  async apply(wanted: readonly WantedServer[], signal?: AbortSignal): Promise<TrafficChange> {
    const observed = await this.driver.observe(signal);
    const before = observed.servers.map(plain);
    const after = this.merged(before, await this.withProxyAddresses(wanted, observed), observed);
    const differ = after.filter((server) => !before.some((each) => same(each, server)));
    if (differ.length > 0) {
      await this.driver.update(differ, observed, signal);
      const seen = await this.driver.observe(signal);
      const now = seen.servers.map(plain);
      const wrong = after.filter((server) => !now.some((each) => same(each, server)));
      if (wrong.length > 0 && seen.started !== observed.started)
        throw new StepFailure(
          'Unreachable',
          `${observed.proxy} was restarted during the change, and says ${describeServers(now)}`,
        );
      if (wrong.length > 0) {
        throw new StepFailure(
          'VerifyFailed',
          `${observed.proxy} was told ${describeServers(wrong)}, and says ${describeServers(now)}`,
          {
            next: 'See whether somebody else changes the same proxy, then retry.',
          },
        );
      }
    }
    return {
      before,
      after,
      changed: differ.map(({ name }) => name),
      started: observed.started ?? null,
    };
  }

  private merged(
    before: readonly WantedServer[],
    wanted: readonly WantedServer[],
    { proxy, pool }: ObservedTraffic,
  ): WantedServer[] {
    for (const { name, address, weight } of wanted) {
      if (!before.some((each) => each.name === name)) {
        throw new StepFailure(
          'Configuration',
          `${proxy} has no server ${JSON.stringify(name)} in ${pool}`,
          {
            next:
              `It has ${before.map((each) => each.name).join(', ')}: declare the server in ` +
              "the proxy's configuration, or name one of these.",
          },
        );
      }
      if (
        !Number.isInteger(weight) ||
        weight < 0 ||
        weight > maxWeight ||
        (address === null && weight > 0)
      ) {
        throw new StepFailure('Configuration', `${name} cannot have weight ${weight}`, {
          next: `A weight is a whole number from 0 to ${maxWeight}, and 0 where nothing runs.`,
        });
      }
      // An address that the proxy itself reports is not validated.
      const said = before.find((each) => each.name === name)?.address;
      if (
        address !== null &&
        address !== said &&
        !this.driver.has?.(name, address) &&
        !parseAddress(address)
      )
        throw new StepFailure(
          'Configuration',
          `${JSON.stringify(address)} is no address of a server`,
          { next: `Write it as ${addressForms}.` },
        );
    }
    const after = before.map((server) =>
      plain(wanted.find((each) => each.name === server.name) ?? server),
    );
    const served = (servers: readonly WantedServer[]): boolean =>
      servers.some(({ weight }) => weight > 0);
    if (served(before) && !served(after)) {
      throw new StepFailure(
        'Configuration',
        `this would leave ${pool} without a server for its users`,
        {
          next: 'Give another server its weight first.',
        },
      );
    }
    return after;
  }
}

/**
 * Gives a server no new requests and waits until those under way have ended.
 * @param limitMs milliseconds to wait at most
 * @returns whether it is empty, and how many requests are left when it is not
 */
export async function drain(
  traffic: TrafficSwitch,
  name: string,
  { limitMs, signal }: { limitMs: number; signal?: AbortSignal },
): Promise<{ drained: boolean; active: number; change: TrafficChange }> {
  const server = (await traffic.observe(signal)).servers.find((each) => each.name === name);
  const change = await traffic.apply(
    [{ name, address: server?.address ?? null, weight: 0 }],
    signal,
  );
  const end = Date.now() + limitMs;
  // A request that it just got may not be counted yet: it is empty when it was so twice.
  for (let empty = 0; ;) {
    const { active = 0 } =
      (await traffic.observe(signal)).servers.find((each) => each.name === name) ?? {};
    empty = active === 0 ? empty + 1 : 0;
    if (empty === 2 || Date.now() > end) return { drained: empty > 0, active, change };
    await delay(50, undefined, { signal });
  }
}

/** Each server's share of new requests, 0 to 1. */
export function shares(servers: readonly WantedServer[]): Record<string, number> {
  const total = servers.reduce((sum, { weight }) => sum + weight, 0);
  return Object.fromEntries(
    servers.map(({ name, weight }) => [name, total === 0 ? 0 : weight / total]),
  );
}

export function describeServers(servers: readonly WantedServer[]): string {
  return servers
    .map(({ name, address, weight }) => `${name} ${address ?? 'empty'} weight ${weight}`)
    .join(', ');
}

function plain({ name, address, weight }: WantedServer): WantedServer {
  return { name, address, weight };
}

function same(a: WantedServer, b: WantedServer): boolean {
  return a.name === b.name && a.address === b.address && a.weight === b.weight;
}
