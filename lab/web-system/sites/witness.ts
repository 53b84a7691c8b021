import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { readJson } from '../../../embedded/files.js';
import { whenOwnerEnds } from '../app/owner.js';
import { jsonOf } from '../app/body.js';
import { monotonicMs } from '../app/writes.js';
import { writeJsonDurably } from './durable-files.js';
import type { WitnessState } from './witness-client.js';

/*
 * The witness stands outside of all sites and says whose turn it is:
 *
 *   node witness.js FILE PORT OWNER LEASE_MS FIRST_SITE
 *
 *   GET  /                                  {epoch, site, leaseMs, fencedAt, renewedAt}
 * POST /renew {site}                      200 for who holds the epoch: the lease runs from when the
 * request was sent; else 409
 * POST /advance {expectedEpoch, site}     200 {epoch, site, fencedAt} when the lease before has run
 * out for certain; else 409
 *
 * Prints `witness ready http://…`.
 */
const [file = '', port = '0', owner, leaseMs = '3000', first = ''] = process.argv.slice(2);

interface Kept {
  epoch: number;
  site: string;
  leaseMs: number;
  /** When the lease of the epoch before had run out; null: not known yet. */
  fencedAt: string | null;
}

const found = readJson<Kept>(file);
let kept: Kept = found ?? {
  epoch: 1,
  site: first,
  leaseMs: Number(leaseMs),
  fencedAt: new Date().toISOString(),
};
if (!found) keep(kept);
let renewedAt: string | null = null;
/**
 * What was granted before a restart is not known any more: it may have been granted just before.
 */
let leaseUntil = monotonicMs() + kept.leaseMs;

function keep(next: Kept): void {
  writeJsonDurably(file, next);
  kept = next;
}

function renew(site: unknown): [status: number, json: WitnessState] {
  // The new holder waits until the lease of the old one has run out.
  const granted = site === kept.site && kept.fencedAt !== null;
  if (granted) {
    leaseUntil = monotonicMs() + kept.leaseMs;
    renewedAt = new Date().toISOString();
  }
  return [granted ? 200 : 409, state()];
}

async function advance(
  expectedEpoch: unknown,
  site: unknown,
): Promise<[status: number, json: WitnessState]> {
  if (typeof site !== 'string' || site === '' || typeof expectedEpoch !== 'number')
    return [422, state()];
  const done = kept.epoch === expectedEpoch + 1 && kept.site === site;
  if (!done && kept.epoch !== expectedEpoch) return [409, state()];
  // From here on nobody else's lease is renewed, also when this process ends in between.
  if (!done) keep({ ...kept, epoch: expectedEpoch + 1, site, fencedAt: null });
  while (kept.epoch === expectedEpoch + 1 && kept.fencedAt === null) {
    const left = leaseUntil - monotonicMs();
    if (left > 0) await delay(left + 1);
    else keep({ ...kept, fencedAt: new Date().toISOString() });
  }
  return [kept.epoch === expectedEpoch + 1 ? 200 : 409, state()];
}

function state(): WitnessState {
  return { ...kept, renewedAt };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = request.method === 'POST' ? await jsonOf(request) : {};
  const route = `${request.method} ${request.url}`;
  const [status, json] =
    route === 'POST /renew'
      ? renew(body['site'])
      : route === 'POST /advance'
        ? await advance(body['expectedEpoch'], body['site'])
        : ([route === 'GET /' ? 200 : 404, state()] as const);
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
}

const server = createServer(
  (request, response) => void answer(request, response).catch(() => response.destroy()),
);
whenOwnerEnds(owner, () => process.exit(0));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
server.listen(Number(port), '127.0.0.1', () => {
  process.stdout.write(
    `witness ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`,
  );
});
