import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPrometheus } from '../../embedded/binaries.js';
import { freePort } from '../../embedded/ports.js';
import { ServerProcess } from '../../embedded/process.js';

/** Why there is no Prometheus here; undefined when there is one. */
export const prometheusMissing = findPrometheus()
  ? undefined
  : 'Prometheus is not installed; install it (Debian: apt-get install prometheus) or name it in RUNBOOK_PROMETHEUS_BIN';

/** The smallest time between two looks that keeps it from being all that the machine does. */
const scrapeMs = 250;

/** A real Prometheus that looks at servers of this machine. */
export class Prometheus {
  private constructor(
    readonly url: string,
    private readonly folder: string,
    private readonly process: ServerProcess,
  ) {}

  /**
   * @param servers name → `host:port`; the name becomes the label `server`. What is asked with the
   *   label `partial="yes"` is asked of another Prometheus too, which is not there: such answers
   *   are not whole.
   */
  static async start(servers: Readonly<Record<string, string>>): Promise<Prometheus> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'prometheus-')));
    const port = await freePort();
    const config = {
      global: { scrape_interval: `${scrapeMs}ms`, scrape_timeout: `${scrapeMs}ms` },
      // JSON is YAML.
      scrape_configs: [
        {
          job_name: 'web',
          static_configs: Object.entries(servers).map(([server, address]) => ({
            targets: [address],
            labels: { server },
          })),
        },
      ],
      remote_read: [{ url: 'http://127.0.0.1:1/read', required_matchers: { partial: 'yes' } }],
    };
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const url = `http://127.0.0.1:${port}`;
    const server = ServerProcess.start('Prometheus', findPrometheus() ?? 'prometheus', [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    const prometheus = new Prometheus(url, folder, server);
    const isReady = (): Promise<boolean> =>
      fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await server.untilReady(isReady, 20_000).catch(async (error: unknown) => {
      await prometheus.stop();
      throw error;
    });
    return prometheus;
  }

  /** One query, as it is answered. */
  async ask(query: string): Promise<unknown> {
    const address = new URL('/api/v1/query', this.url);
    address.searchParams.set('query', query);
    return (await fetch(address)).json();
  }

  async stop(): Promise<void> {
    await this.process.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
