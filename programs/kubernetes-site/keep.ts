import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { SiteConfig } from './config.js';
import type { Database } from './database.js';
import { Refused } from './refused.js';
import { renew } from './witness.js';

/** Of a lease: how often it is renewed. */
const share = 3;

/**
 * The keeper of a site, beside its database in the same pod: renews the lease, and answers to the
 * kubelet's liveness probe of the database. `GET /held` is 200 while this site may write, or the
 * database is a standby anyway; else 503, and the kubelet ends the database. The lease counts from
 * when its renewal was sent, on a clock that nobody sets.
 * @param port of the probe; 0: any
 * @returns never
 */
export async function keep(
  config: SiteConfig,
  database: Database,
  port: number,
  say: (line: string) => void,
): Promise<never> {
  const { witness } = config;
  if (!witness) throw new Refused('an isolated site knows no witness, and keeps no lease');
  if (!Number.isInteger(port))
    throw new Refused('say on which port the probe is answered: keep 8090');
  const leaseMs = witness.leaseSeconds * 1_000;
  let until = 0;
  let isPrimary = false;
  const held = (): boolean => performance.now() < until;
  const server = createServer((request, response) => {
    const status = request.url !== '/held' ? 404 : held() || !isPrimary ? 200 : 503;
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify({ site: config.site, held: held(), isPrimary }));
  });
  server.listen(port, () => say(`keeper ready on ${(server.address() as AddressInfo).port}`));
  const renewing = async (): Promise<void> => {
    const sentAt = performance.now();
    const before = held();
    const answer = await renew(config).catch((error: Error) => {
      say(`the lease is not renewed: ${error.message}`);
      return null;
    });
    if (answer?.held === true) until = sentAt + leaseMs;
    else if (answer) until = 0;
    if (held() !== before)
      say(
        held()
          ? `site ${config.site} holds epoch ${answer?.epoch}`
          : `site ${config.site} may not write any more`,
      );
  };
  const looking = async (): Promise<void> => {
    // A primary that does not answer for a moment is one still.
    isPrimary = await database.state().then(
      ({ role }) => role === 'primary',
      () => isPrimary,
    );
  };
  for (;;) {
    await Promise.all([renewing(), looking(), delay(leaseMs / share)]);
  }
}
