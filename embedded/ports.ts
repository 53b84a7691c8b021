import { createServer } from 'node:net';

/** Can this port be listened on, on loopback? */
export function portIsFree(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const server = createServer();
    server.once('error', () => answer(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => answer(true)));
  });
}

/** A port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((answer, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const address = server.address();
      server.close(() => (address && typeof address === 'object' ? answer(address.port) : failed(new Error('no port'))));
    });
  });
}

/** The wanted port, or another one when it is taken. */
export async function choosePort(wanted: number | undefined): Promise<number> {
  return wanted !== undefined && (await portIsFree(wanted)) ? wanted : freePort();
}

/** What servers say when somebody else began to listen between our look at the port and their start. */
export const portWasTaken = /address already in use/i;
