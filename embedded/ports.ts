import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Can this port be listened on, on loopback? */
export function portIsFree(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const server = createServer();
    server.once('error', () => answer(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      server.close(() => answer(true)),
    );
  });
}

/** Handed out by this process; who got one may not listen yet. */
const given = new Set<number>();

/**
 * A port that nobody listens on now, and another one each time. Not one of those that systems give
 * to connections of clients, from 32768 on: what listens on it would find it taken when it comes
 * back after its death.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(12_000, 32_000);
    if (given.has(port)) continue;
    given.add(port);
    if (await portIsFree(port)) return port;
  }
}

/** The wanted port, or another one when it is taken. */
export async function choosePort(wanted: number | undefined): Promise<number> {
  return wanted !== undefined && (await portIsFree(wanted)) ? wanted : freePort();
}

/**
 * What servers say when somebody else began to listen between our look at the port and their start.
 */
export const portWasTaken = /address already in use/i;
