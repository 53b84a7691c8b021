import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Message } from '../../common/message.js';

export type Received = Message & { text: string; key: string };

/**
 * A webhook that takes a message at the moment in which it answers: one whose sender is gone by
 * then has not arrived.
 */
export class Receiver {
  readonly taken: Received[] = [];
  /** Messages that were not taken, because their sender was gone. */
  readonly lost: Received[] = [];
  private readonly server: Server;

  private constructor(
    private readonly answer: (message: Received, response: ServerResponse) => Promise<number>,
  ) {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.take(request, response, Buffer.concat(chunks)).catch(() => response.destroy());
      });
    });
  }

  /** @param answer the status, as soon as it resolves */
  static async start(
    answer: (message: Received, response: ServerResponse) => Promise<number> = () =>
      Promise.resolve(200),
  ): Promise<Receiver> {
    const receiver = new Receiver(answer);
    await new Promise<void>((done) => receiver.server.listen(0, '127.0.0.1', done));
    return receiver;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  /** Those about one run, in the order in which they were taken. */
  about(run: string): Received[] {
    return this.taken.filter((message) => message.run === run);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }

  private async take(
    { headers }: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
  ): Promise<void> {
    const message = {
      ...(JSON.parse(body.toString()) as Message & { text: string }),
      key: String(headers['idempotency-key']),
    };
    const status = await this.answer(message, response);
    if (response.destroyed) {
      this.lost.push(message);
      return;
    }
    if (status < 300) this.taken.push(message);
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  }
}
