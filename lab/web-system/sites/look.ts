import { existsSync } from 'node:fs';
import { instancesOf, runningInstance, systemFolder } from '../instances.js';
import {
  databaseState,
  databaseUrl,
  lastCommitOf,
  superuser,
  systemIdentifierOf,
  withDatabase,
} from './database.js';
import { placesOf, type SiteConfig } from './site-config.js';
import { askWitness } from './witness-client.js';

/** What stands at this site. */
export async function look(config: SiteConfig): Promise<object> {
  const { site, folder, isolated, witness } = config;
  const places = placesOf(config);
  const exists = existsSync(folder);
  const system = systemFolder(folder);
  const running = existsSync(places.instances)
    ? instancesOf(system).flatMap(({ name }) => runningInstance(system, name) ?? [])
    : [];
  const state = witness === null ? undefined : await askWitness(witness).catch(() => undefined);
  const database = await databaseState(config);
  const answers = database === 'primary' || database === 'standby';
  return {
    site,
    isolated,
    exists,
    processes: running.map(({ name, pid, version, port }) => ({ name, pid, version, port })),
    database,
    epoch: state?.epoch ?? null,
    holder: state?.site ?? null,
    holdsEpoch: state?.site === site,
    renewedAt: state?.renewedAt ?? null,
    draining: existsSync(places.draining),
    systemIdentifier: database === 'absent' ? null : await systemIdentifierOf(config, places.data),
    lastCommit: answers ? await withDatabase(databaseUrl(config, superuser), lastCommitOf) : null,
  };
}
