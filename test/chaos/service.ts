import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How long a request takes after its effect, in milliseconds: long enough to die in between. */
const thinkingMs = 80;

/**
 * A service that is asked for effects. It acts first and answers later. `/ignores` does everything
 * that it is asked; everywhere else an Idempotency-Key that it has seen is answered and has no
 * effect.
 */
export class EffectService {
  /** Every effect, by its id, as often as it happened. */
  readonly effects: string[] = [];
  private readonly keys = new Set<string>();
  private held: ServerResponse[] = [];
  private holding = true;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<EffectService> {
    const server = createServer();
    const service = new EffectService(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body =
          chunks.length === 0
            ? {}
            : (JSON.parse(Buffer.concat(chunks).toString()) as { id?: string; text?: string });
        const id = body.id ?? body.text;
        const key = request.url === '/ignores' ? undefined : request.headers['idempotency-key'];
        if (id !== undefined && (key === undefined || !service.keys.has(String(key))))
          service.effects.push(id);
        if (key !== undefined) service.keys.add(String(key));
        if (request.url === '/held' && service.holding) service.held.push(response);
        else setTimeout(() => answer(response), thinkingMs);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return service;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** How many requests to `/held` wait for an answer. */
  get waiting(): number {
    return this.held.length;
  }

  /** Answers the request to `/held` that waits longest. */
  answerOldest(): void {
    for (const response of this.held.splice(0, 1)) answer(response);
  }

  /** Answers them, and those that come later at once, until `hold`. */
  letGo(): void {
    this.holding = false;
    for (const response of this.held.splice(0)) answer(response);
  }

  hold(): void {
    this.holding = true;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

function answer(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
}
