import { rmSync } from 'node:fs';
import pg from 'pg';
import { proxyHere } from '../../lab/web-system/proxy.js';
import { assess } from '../../lab/web-system/sites/backups.js';
import { restoreConfig } from '../../lab/web-system/sites/config-backup.js';
import { restoreFiles } from '../../lab/web-system/sites/file-vault.js';
import { provision } from '../../lab/web-system/sites/place.js';
import { promote } from '../../lab/web-system/sites/promote.js';
import { restoreDatabase } from '../../lab/web-system/sites/restore-database.js';
import {
  SiteSystem,
  type SiteName,
  type SiteSystemOptions,
} from '../../lab/web-system/sites/system.js';
import { startTier } from '../../lab/web-system/sites/tiers.js';
import { testFolder } from '../helpers/folder.js';
import { ask } from './world.js';

export const silent = (): void => undefined;

/** The system in a folder of its own, that PostgreSQL's account can enter. */
export async function startSites(options: Partial<SiteSystemOptions> = {}) {
  const folder = testFolder('sites-');
  const end = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const system = await SiteSystem.start(folder, { proxy: proxyHere(), ...options });
    return {
      system,
      folder,
      end: async () => {
        await system.stop();
        end();
      },
    };
  } catch (error) {
    end();
    throw error;
  }
}

/** The steps of a recovery, in this process; each is a verb of the site's program. */
export async function recoverAt(system: SiteSystem, site: SiteName, point = 'latest') {
  const config = system.config(site);
  const assessed = await assess(
    config,
    point === 'latest' ? undefined : point,
    config.maxAgeSeconds,
  );
  await provision(config, null);
  restoreConfig(config);
  const wanted = {
    backup: assessed.chosen ?? '',
    point,
    run: null,
    maxAgeSeconds: config.maxAgeSeconds,
  };
  const database = await restoreDatabase(config, wanted, silent);
  const files = await restoreFiles(config);
  const { timeline } = await promote(config, silent);
  for (const tier of ['api', 'worker'] as const) await startTier(config, tier, undefined);
  return { assessed, database, files, timeline };
}

/**
 * What directly asks a site's API and its database to write, past the entrance; counts what was
 * accepted.
 */
export class Intruder {
  accepted = 0;
  refused = 0;
  /** When each write was begun that was accepted; milliseconds since 1970. */
  private readonly begun: number[] = [];
  private stopping = false;
  private readonly working: Promise<void>[] = [];

  private constructor(
    private readonly url: string,
    private readonly databaseUrl: string,
    private readonly token: string,
  ) {}

  /** @param token of a session at the site; undefined: logs in */
  static async start(system: SiteSystem, site: SiteName): Promise<Intruder> {
    const { json } = await ask(system.apiUrl(site), '/tenants/acme/login', 'POST', system.writer);
    const intruder = new Intruder(
      system.apiUrl(site),
      system.databaseUrl(site, 'web'),
      String(json['token']),
    );
    for (let number = 0; number < 4; number += 1)
      intruder.working.push(intruder.byApi(number), intruder.bySql(number));
    return intruder;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.working);
  }

  /** Accepted writes that were begun after a moment: what was under way then is not among them. */
  acceptedSince(time: number): number {
    return this.begun.filter((begun) => begun > time).length;
  }

  private async byApi(number: number): Promise<void> {
    for (let revision = 1; !this.stopping; revision += 1) {
      const begun = Date.now();
      const wrote = await fetch(`${this.url}/tenants/acme/customers/api-${number}`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${this.token}` },
        body: JSON.stringify({ name: 'In Truder', revision }),
      }).then(
        ({ ok }) => ok,
        () => false,
      );
      await this.count(wrote, begun);
    }
  }

  private async bySql(number: number): Promise<void> {
    let client: pg.Client | undefined;
    while (!this.stopping) {
      const begun = Date.now();
      try {
        client ??= await connected(this.databaseUrl);
        await client.query(
          `UPDATE customers SET revision = revision + 1 WHERE tenant = 'acme' AND id = $1`,
          [`s${number + 1}`],
        );
        await this.count(true, begun);
      } catch {
        await this.count(false, begun);
        if (client) await client.end().catch(() => undefined);
        client = undefined;
      }
    }
    await client?.end().catch(() => undefined);
  }

  private async count(wrote: boolean, begun: number): Promise<void> {
    if (wrote) this.begun.push(begun);
    this[wrote ? 'accepted' : 'refused'] += 1;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
