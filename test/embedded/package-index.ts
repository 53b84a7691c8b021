import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { Wheel } from '../../embedded/wheels.js';

/** A package index (PEP 691) on loopback that has one wheel. */
export class PackageIndex {
  /** Paths that were asked for. */
  readonly requests: string[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  /** @param listedSha256 what the index claims the wheel's hash to be */
  static async start(archive: Buffer, listedSha256: string): Promise<PackageIndex> {
    const server = createServer((request, answer) => {
      const path = request.url ?? '';
      index.requests.push(path);
      if (path.endsWith('.whl')) answer.end(archive);
      else
        answer.end(
          JSON.stringify({
            files: [{ filename: 'a.whl', url: '/files/a.whl', hashes: { sha256: listedSha256 } }],
          }),
        );
    });
    await new Promise<void>((listening) =>
      server.listen({ port: 0, host: '127.0.0.1' }, listening),
    );
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const index = new PackageIndex(server, `http://127.0.0.1:${address.port}/simple/`);
    return index;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((closed) => this.server.close(() => closed()));
  }
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A wheel for this platform, pinned by the hash given. */
export function pinned(hash: string): Wheel {
  return {
    package: 'little-server',
    version: '1.0',
    title: 'the little server',
    setting: 'LITTLE_SERVER_BIN (the path of `little`)',
    sha256: { [`${process.platform}-${process.arch}`]: hash },
  };
}
