import type { SiteConfig } from './config.js';
import type { Database } from './database.js';
import { resources } from './infrastructure.js';
import { readNote } from './place.js';
import { podsOf } from './tiers.js';
import { askWitness } from './witness.js';

/**
 * What stands at this site. What cannot be reached there counts as stopped, not as gone: that
 * terraform's state says.
 */
export async function look(config: SiteConfig, database: Database): Promise<object> {
  const { site, isolated } = config;
  const exists = (await resources(config)).length > 0;
  const state = config.witness ? await askWitness(config).catch(() => undefined) : undefined;
  const pods = exists ? await podsOf(config).catch(() => []) : [];
  const answered = exists ? await database.state().catch(() => undefined) : undefined;
  const drained = exists ? await readNote(config, 'drained').catch(() => undefined) : undefined;
  return {
    site,
    isolated,
    exists,
    processes: pods,
    database:
      answered?.role ?? (pods.some(({ name }) => name === 'database') ? 'stopped' : 'absent'),
    epoch: state?.epoch ?? null,
    holder: state?.site ?? null,
    holdsEpoch: state?.site === site,
    renewedAt: state?.renewedAt ?? null,
    draining: drained !== undefined,
    systemIdentifier: answered?.systemIdentifier ?? null,
    lastCommit: answered?.lastCommit ?? null,
  };
}
