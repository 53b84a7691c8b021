import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/**
 * Stands between the command line and the server, and can be cut: the server is gone for this one,
 * and for nobody else.
 */
export class Proxy {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private port = 0;

  /** @param host the address of this machine that it listens on */
  constructor(
    private readonly target: string,
    private readonly host = '127.0.0.1',
  ) {}

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  /** Listens, after a cut on the same port as before. */
  async open(): Promise<void> {
    const [host = '127.0.0.1', port = '7233'] = this.target.split(':');
    const server = createServer((near) => {
      const far = connect(Number(port), host);
      for (const socket of [near, far]) {
        this.sockets.add(socket);
        socket.on('error', () => socket.destroy());
        socket.on('close', () => this.sockets.delete(socket));
      }
      near.pipe(far).pipe(near);
    });
    server.listen(this.port, this.host);
    await once(server, 'listening');
    this.port = (server.address() as { port: number }).port;
    this.server = server;
  }

  /** As a server that dies: nobody listens, every connection breaks. */
  async cut(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}
