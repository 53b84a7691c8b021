import { setTimeout as delay } from 'node:timers/promises';
import { parseSamples, total } from '../../activities/delivery/traffic/prometheus.js';
import type { Proxy } from '../../lab/web-system/proxy.js';

/*
 * A proxy that takes a new configuration for every change of weights closes idle connections. What
 * that alone costs its users is measured by giving it the configuration that it has.
 */

/** How often Caddy has taken a new configuration by its admin API, as it counts itself. */
export async function reloadsOf(proxy: Proxy): Promise<number> {
  const samples = parseSamples(await (await ask(proxy, '/metrics')).text());
  return total(
    samples,
    'caddy_admin_http_requests_total',
    ({ method, code }) => method === 'PATCH' && code === '200',
  );
}

/**
 * Gives Caddy the configuration that it has, so many times.
 * @param everyMs milliseconds between two of them
 */
export async function reload(proxy: Proxy, times: number, everyMs: number): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    const path = '/config/apps/http/servers';
    const body = await (await ask(proxy, path)).text();
    // Unless told so, Caddy does nothing where nothing is different.
    const headers = { 'content-type': 'application/json', 'cache-control': 'must-revalidate' };
    const response = await ask(proxy, path, { method: 'PATCH', headers, body });
    if (!response.ok)
      throw new Error(
        `Caddy refused its own configuration: ${response.status} ${await response.text()}`,
      );
    await delay(everyMs);
  }
}

function ask(
  { facts }: Proxy,
  path: string,
  init: { method?: string; headers?: Record<string, string>; body?: string } = {},
) {
  const admin = typeof facts['admin'] === 'string' ? facts['admin'] : '';
  return fetch(new URL(path, admin), {
    ...init,
    headers: { ...init.headers, origin: new URL(admin).origin },
  });
}
