import { parseJson, sameJson } from '../../../language/json.js';
import { StepFailure } from '../../failure.js';
import { parseAddress, sameText } from './address.js';
import { askProxy } from './ask-proxy.js';
import { bucketsOf, parseSamples, total } from './prometheus.js';
import {
  Switch,
  type ObservedServer,
  type ObservedTraffic,
  type ProxyDriver,
  type WantedServer,
} from './switch.js';

/*
 * Caddy by its admin API. Caddy counts by HTTP server and not by upstream, so every slot is an HTTP
 * server of Caddy's own, `POOL:SLOT`, on a socket, and the pool's handler (`@id: POOL`) shares the
 * requests among the slots by `weighted_round_robin`; `caddyServers` makes that configuration. Each
 * change is one new configuration, which resets its counters. It closes idle connections, those to
 * its own slots too: a user's request may meet a closing connection, and one that Caddy must not
 * repeat gets a 502. Its retries (`try_duration`) end with the old configuration, and without
 * keep-alive the loss only moves to connections that its old listener has not accepted yet. So it
 * promises less than HAProxy. A change survives a restart with `--resume`.
 */

export interface CaddySettings {
  /** Address of the admin API, such as `http://127.0.0.1:2019`. */
  admin: string;
  /** The pool's name. */
  pool: string;
}

/** The slot that answers 503, never listed. */
const nobody = 'nobody';
/** How often a change is tried when somebody else changes the configuration meanwhile. */
const tries = 4;

interface CaddyHandler {
  '@id'?: string;
  handler: string;
  status_code?: number;
  upstreams?: { dial: string }[];
  load_balancing?: { selection_policy?: { policy: string; weights?: number[] } };
  transport?: object;
}

interface CaddyServer {
  listen: string[];
  routes: { handle: CaddyHandler[] }[];
  [other: string]: unknown;
}

export type CaddyServers = Record<string, CaddyServer>;

/**
 * The HTTP servers of a pool, all slots empty: the value of `apps.http.servers`. The app needs
 * `"metrics": {}` too.
 * @param pool.listen where users connect, such as `127.0.0.1:8080`
 * @param pool.slots name → path of the socket between the pool and the slot
 * @param pool.nobody path of the socket of a server that answers 503 while no slot has a weight
 *   (Caddy needs one that has)
 */
export function caddyServers(pool: {
  pool: string;
  listen: string;
  slots: Readonly<Record<string, string>>;
  nobody: string;
}): CaddyServers {
  const slots = Object.entries({ ...pool.slots, [nobody]: pool.nobody }).map(
    ([name, path]) => [name, `unix/${path}`] as const,
  );
  const share: CaddyHandler = {
    '@id': pool.pool,
    handler: 'reverse_proxy',
    load_balancing: roundRobin(slots.map(([name]) => (name === nobody ? 1 : 0))),
    upstreams: slots.map(([, dial]) => ({ dial })),
  };
  const server = (listen: string, handler: CaddyHandler): CaddyServer => ({
    listen: [listen],
    automatic_https: { disable: true },
    routes: [{ handle: [handler] }],
  });
  return Object.fromEntries([
    [pool.pool, server(pool.listen, share)],
    ...slots.map(
      ([name, socket]) => [`${pool.pool}:${name}`, server(socket, slotHandler(null))] as const,
    ),
  ]);
}

export function caddy(settings: CaddySettings): Switch {
  return new Switch(new Caddy(settings));
}

class Caddy implements ProxyDriver {
  constructor(private readonly settings: CaddySettings) {}

  async observe(signal?: AbortSignal): Promise<ObservedTraffic> {
    const { pool } = this.settings;
    const { servers } = await this.servers(signal);
    const samples = parseSamples((await this.ask('/metrics', {}, signal)).text);
    const upstreams = parseJson((await this.ask('/reverse_proxy/upstreams', {}, signal)).text) as {
      address: string;
      num_requests: number;
    }[];
    const started = String(total(samples, 'process_start_time_seconds'));
    const reloaded = total(samples, 'caddy_config_last_reload_success_timestamp_seconds');
    const epoch = `${started}@${reloaded}`;
    const slots = slotsOf(servers, pool).filter(({ name }) => name !== nobody);
    const observed = slots.map(({ name, weight, handler }): ObservedServer => {
      const dial = handler.upstreams?.[0]?.dial;
      const address = dial === undefined ? null : sameText(dial);
      const of = (labels: Record<string, string>): boolean =>
        labels['server'] === `${pool}:${name}` && labels['handler'] === handler.handler;
      const durations = 'caddy_http_response_duration_seconds';
      // Requests without any answer are counted separately.
      const unanswered = total(samples, 'caddy_http_request_errors_total', of);
      const requests = total(samples, `${durations}_count`, of) + unanswered;
      return {
        name,
        address,
        weight,
        up: null,
        active: upstreams.find((each) => each.address === dial)?.num_requests ?? 0,
        counters: {
          requests,
          errors:
            total(
              samples,
              `${durations}_count`,
              (labels) => of(labels) && Number(labels['code']) >= 500,
            ) + unanswered,
          latency:
            requests > 0 ? { kind: 'histogram', buckets: bucketsOf(samples, durations, of) } : null,
        },
      };
    });
    return { proxy: 'caddy', pool, epoch, started, servers: observed };
  }

  async update(
    change: readonly WantedServer[],
    _: ObservedTraffic,
    signal?: AbortSignal,
  ): Promise<void> {
    const { pool } = this.settings;
    for (let attempt = 1; ; attempt += 1) {
      const { servers, etag } = await this.servers(signal);
      const wanted = slotsOf(servers, pool).map(({ name, weight }) => ({
        name,
        weight: change.find((each) => each.name === name)?.weight ?? weight,
      }));
      const served = wanted.some(({ name, weight }) => name !== nobody && weight > 0);
      shareOf(servers, pool).load_balancing = roundRobin(
        wanted.map(({ name, weight }) => (name !== nobody ? weight : served ? 0 : 1)),
      );
      for (const { name, address } of change) {
        const [route] = servers[`${pool}:${name}`]?.routes ?? [];
        if (route) route.handle = [slotHandler(address)];
      }
      const { status } = await this.ask(
        '/config/apps/http/servers',
        {
          method: 'PATCH',
          // Refused when somebody else changed it since we read it: no change is lost.
          headers: { 'content-type': 'application/json', 'if-match': etag },
          body: sameJson.toText(servers),
        },
        signal,
        [412],
      );
      if (status !== 412) return;
      if (attempt === tries) {
        throw new StepFailure(
          'Unreachable',
          `Caddy's configuration was changed by somebody else ${tries} times in a row`,
          {
            next: 'Find out who else changes it, then retry.',
          },
        );
      }
    }
  }

  private async servers(signal?: AbortSignal): Promise<{ servers: CaddyServers; etag: string }> {
    const { text, headers } = await this.ask('/config/apps/http/servers', {}, signal);
    return {
      servers: (sameJson.read(text) ?? {}) as CaddyServers,
      etag: headers.get('etag') ?? '',
    };
  }

  /** @throws StepFailure Unreachable, Configuration */
  private async ask(
    path: string,
    init: { method?: string; headers?: Record<string, string>; body?: string },
    signal?: AbortSignal,
    allowed: number[] = [],
  ): Promise<{ status: number; headers: Headers; text: string }> {
    const { admin } = this.settings;
    // Caddy takes fetch for a browser, and requires an origin from browsers.
    const headers = { ...init.headers, origin: new URL(admin).origin };
    const silence = {
      message: `Caddy's admin API does not answer at ${admin}`,
      next: 'See whether Caddy runs, and where its admin API listens.',
    };
    const asked = { ...init, headers };
    const { response, text } = await askProxy(new URL(path, admin), asked, silence, signal);
    const { status, headers: answered } = response;
    if (response.ok || allowed.includes(status)) return { status, headers: answered, text };
    throw new StepFailure(
      'Configuration',
      `Caddy refused ${init.method ?? 'GET'} ${path}: ${status} ${text}`,
    );
  }
}

function roundRobin(weights: number[]): NonNullable<CaddyHandler['load_balancing']> {
  return { selection_policy: { policy: 'weighted_round_robin', weights } };
}

function slotHandler(address: string | null): CaddyHandler {
  if (address === null) return { handler: 'static_response', status_code: 503 };
  const parsed = parseAddress(address);
  const dial = parsed?.kind === 'unix' ? `unix/${parsed.path}` : address;
  return { handler: 'reverse_proxy', upstreams: [{ dial }] };
}

/** @throws StepFailure Configuration */
function shareOf(servers: CaddyServers, pool: string): CaddyHandler {
  const found = Object.values(servers)
    .flatMap(({ routes }) => routes.flatMap(({ handle }) => handle))
    .find((handler) => handler['@id'] === pool && handler.handler === 'reverse_proxy');
  if (found) return found;
  throw new StepFailure(
    'Configuration',
    `Caddy has no handler reverse_proxy with the @id ${pool}`,
    {
      next:
        'Give the pool an HTTP server and each slot one of ' +
        'its own; docs/operating.md shows the configuration.',
    },
  );
}

/** The pool's slots in the order of its upstreams. @throws StepFailure Configuration */
function slotsOf(
  servers: CaddyServers,
  pool: string,
): { name: string; weight: number; handler: CaddyHandler }[] {
  const { upstreams = [], load_balancing: balancing } = shareOf(servers, pool);
  const weights = balancing?.selection_policy?.weights ?? [];
  return upstreams.map(({ dial }, index) => {
    const [key = '', server] =
      Object.entries(servers).find(([, { listen }]) => listen.includes(dial)) ?? [];
    const handler = server?.routes[0]?.handle[0];
    if (!handler || !key.startsWith(`${pool}:`)) {
      throw new StepFailure(
        'Configuration',
        `Caddy's pool ${pool} shares requests with ${dial}, which is no slot ${pool}:NAME`,
        {
          next:
            'Give each slot an HTTP server of its own; ' +
            'docs/operating.md shows the configuration.',
        },
      );
    }
    return { name: key.slice(pool.length + 1), weight: weights[index] ?? 0, handler };
  });
}
