import { setTimeout as delay } from 'node:timers/promises';
import { StepFailure } from '../failure.js';
import { addressForms, parseAddress, sameText } from './address.js';
import type { Buckets } from './prometheus.js';

/*
 * Who gets the users' requests: one small interface for every proxy. A pool has servers with names
 * of their own (slots); what runs in a slot, and which share of the requests it gets, is told to
 * the running proxy, and read back from it.
 */

/** The largest weight that every proxy takes. */
const maxWeight = 256;

export interface WantedServer {
  /** The slot's name in the proxy, such as `blue`. */
  name: string;
  /** Where it runs, in one of the forms of `address.ts`; null: the slot is empty. */
  address: string | null;
  /** Its share against the others', 0 to 256; 0: no new requests. */
  weight: number;
}

/** What the proxy counted since it began to count; see `epoch`. */
interface ServerCounters {
  /** Requests that it was given and that ended. */
  requests: number;
  /**
   * Those that it failed: 5xx, connection refused, connection lost before the answer; also where
   * another server then helped out.
   */
  errors: number;
  /**
   * How long answers took: as a histogram, as a mean of the newest ones where the proxy has no
   * more, or not at all.
   */
  latency: { kind: 'histogram'; buckets: Buckets } | { kind: 'mean'; ms: number } | null;
}

export interface ObservedServer extends WantedServer {
  /** Does the proxy itself think that it is up? null: it does not say. */
  up: boolean | null;
  /** Requests that are under way there now. */
  active: number;
  counters: ServerCounters;
}

export interface ObservedTraffic {
  proxy: 'haproxy' | 'caddy' | 'nginx';
  pool: string;
  /**
   * Changes whenever the proxy begins to count anew (a restart; with Caddy every change of its
   * configuration).
   */
  epoch: string;
  /**
   * Changes when the proxy is started anew, and may have forgotten what it was told; absent where
   * it keeps that in any case.
   */
  started?: string;
  servers: ObservedServer[];
}

export interface TrafficChange {
  /** What the proxy had before: applied again, it takes the change back. */
  before: WantedServer[];
  after: WantedServer[];
  /**
   * The servers that had to be changed; empty when the proxy had it all already, and then nothing
   * was sent.
   */
  changed: string[];
  /** Which process of the proxy says so; null where that does not matter, see `ObservedTraffic`. */
  started: string | null;
}

export interface TrafficSwitch {
  /** What the running proxy says, now. @throws StepFailure Unreachable, Configuration */
  observe(signal?: AbortSignal): Promise<ObservedTraffic>;
  /**
   * Makes the running proxy do what is wanted, and reads back that it does. Servers that are not
   * named stay as they are. What it does already is not sent again.
   * @throws StepFailure Unreachable, Configuration; VerifyFailed when the proxy says other than
   *   what was asked
   */
  apply(wanted: readonly WantedServer[], signal?: AbortSignal): Promise<TrafficChange>;
  /**
   * The same servers with their addresses in the proxy's own words, so that they can be compared
   * with what it says.
   */
  inItsWords(servers: readonly WantedServer[], observed: ObservedTraffic): Promise<WantedServer[]>;
}

/** What a proxy has to be able to do; the rest is the same for all. */
export interface ProxyDriver {
  observe(signal?: AbortSignal): Promise<ObservedTraffic>;
  /** Tells the proxy. @param change the servers that differ, already with what is wanted */
  tell(
    change: readonly WantedServer[],
    observed: ObservedTraffic,
    signal?: AbortSignal,
  ): Promise<void>;
  /**
   * For a proxy that says an address in other words than it was told: by number and not by name.
   * @param said what it says of this server now
   */
  addressInItsWords?(address: string, said: string | null): Promise<string>;
  /**
   * Does it have this address for the server already, also while nothing runs there? Then it is not
   * judged.
   */
  has?(name: string, address: string): boolean;
}

/** A switch made of what a proxy can do. */
export class Switch implements TrafficSwitch {
  constructor(private readonly driver: ProxyDriver) {}

  observe(signal?: AbortSignal): Promise<ObservedTraffic> {
    return this.driver.observe(signal);
  }

  inItsWords(servers: readonly WantedServer[], observed: ObservedTraffic): Promise<WantedServer[]> {
    return Promise.all(
      servers.map(async ({ name, address, weight }) => {
        const said = observed.servers.find((each) => each.name === name)?.address ?? null;
        // What it says itself needs no other words, whatever it looks like.
        if (address === null || address === said || this.driver.has?.(name, address))
          return { name, address, weight };
        const one = sameText(address);
        const words = parseAddress(one) ? await this.driver.addressInItsWords?.(one, said) : one;
        return { name, address: words ?? one, weight };
      }),
    );
  }

  async apply(wanted: readonly WantedServer[], signal?: AbortSignal): Promise<TrafficChange> {
    const observed = await this.driver.observe(signal);
    const before = observed.servers.map(plain);
    const after = this.merged(before, await this.inItsWords(wanted, observed), observed);
    const differ = after.filter((server) => !before.some((each) => same(each, server)));
    if (differ.length > 0) {
      await this.driver.tell(differ, observed, signal);
      const seen = await this.driver.observe(signal);
      const now = seen.servers.map(plain);
      const wrong = after.filter((server) => !now.some((each) => same(each, server)));
      if (wrong.length > 0 && seen.started !== observed.started)
        throw new StepFailure(
          'Unreachable',
          `${observed.proxy} was restarted while it was told, and says ${words(now)}`,
        );
      if (wrong.length > 0) {
        throw new StepFailure(
          'VerifyFailed',
          `${observed.proxy} was told ${words(wrong)}, and says ${words(now)}`,
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
            next: `It has ${before.map((each) => each.name).join(', ')}: declare the server in the proxy's configuration, or name one of these.`,
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
      // What the proxy says of the server itself is not judged.
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
        `this would leave ${pool} with nobody to answer its users`,
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
  // A request that was given to it just before may not be counted yet: it is empty when it was so
  // twice.
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

export function words(servers: readonly WantedServer[]): string {
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
