import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTemporal } from '../../embedded/binaries.js';
import { cacheFolder } from '../../embedded/home.js';
import { searchAttributeTypes } from '../../embedded/services.js';
import { startTemporal, type Temporal } from '../../embedded/temporal.js';

/**
 * A Temporal server of a test's own, with its database file, that can be killed and comes back on
 * the same port.
 */
export class OwnTemporal {
  private constructor(
    private readonly folder: string,
    private readonly program: string,
    private readonly dynamicConfig: readonly string[],
    private server: Temporal,
  ) {}

  /**
   * @param dynamicConfig settings of the server, as `temporal server start-dev
   *   --dynamic-config-value` takes them
   */
  static async start(dynamicConfig: readonly string[] = []): Promise<OwnTemporal> {
    const folder = await mkdtemp(join(tmpdir(), 'runbook-temporal-'));
    const program = await findTemporal(cacheFolder());
    return new OwnTemporal(
      folder,
      program,
      dynamicConfig,
      await begin(program, folder, dynamicConfig),
    );
  }

  get address(): string {
    return this.server.address;
  }

  /** As a power cut would end it, and up again. */
  async kill9AndRestart(): Promise<void> {
    const { port, uiPort } = this.server;
    await this.server.server.stop('SIGKILL');
    this.server = await begin(this.program, this.folder, this.dynamicConfig, { port, uiPort });
    if (this.server.port !== port) throw new Error(`port ${port} was taken by somebody else`);
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function begin(
  program: string,
  folder: string,
  dynamicConfig: readonly string[],
  ports: { port?: number; uiPort?: number } = {},
): Promise<Temporal> {
  return startTemporal({
    program,
    databaseFile: join(folder, 'temporal.db'),
    searchAttributes: searchAttributeTypes,
    dynamicConfig: [...dynamicConfig],
    ...ports,
  });
}
