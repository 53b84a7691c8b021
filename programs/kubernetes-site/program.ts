import { parseArgs } from 'node:util';
import { mark } from './archive.js';
import { assess } from './backups.js';
import { mustBeKept, readConfig, tierOf, tiers, type SiteConfig } from './config.js';
import { restoreConfiguration, saveConfiguration } from './configuration.js';
import { Database } from './database.js';
import { drain, resume } from './drain.js';
import { restoreFiles, saveFiles } from './files.js';
import { provision, teardown } from './infrastructure.js';
import { keep } from './keep.js';
import { look } from './look.js';
import { monitor, promote, takeBackup } from './monitor.js';
import { Refused } from './refused.js';
import { restoreDatabase } from './restore-database.js';
import { Store } from './store.js';
import { readyTier, startTier, stopTiers } from './tiers.js';
import { baseline, checks, inspect, type Site } from './verify.js';
import { fence, makeWitness } from './witness.js';

/*
 * The program of a site in Kubernetes, as recovery runbooks call it: node program.js --config FILE
 * VERB ARGUMENTS; README.md says what the file holds. One line of JSON on standard output; progress
 * and what went wrong on standard error.
 */
const dayAndTwoHours = 26 * 3600;

function verbsOf(
  config: SiteConfig,
  args: readonly string[],
  options: { run: string | null; maxAgeSeconds: number },
) {
  const { run, maxAgeSeconds } = options;
  const [first = '', second = ''] = args;
  const store = new Store(config);
  const database = new Database(config);
  const site: Site = { config, store, database };
  return {
    look: () => look(config, database),
    backups: () => assess(store, config, first === '' ? undefined : first, maxAgeSeconds),
    drain: () => drain(site, say),
    resume: () => resume(config, say),
    fence: () => fence(config, Number(first), second, say),
    stop: async () => ({
      stopped: await stopTiers(config, first === '' ? tiers : [tierOf(first)]),
    }),
    start: () => startTier(config, tierOf(first), say),
    ready: () => readyTier(config, tierOf(first)),
    provision: () => provision(config, run),
    teardown: () => teardown(config),
    'restore-config': () => restoreConfiguration(store, config, run),
    'save-config': () => saveConfiguration(store, config),
    'restore-database': () =>
      restoreDatabase(site, { backup: first, point: second || 'latest', run, maxAgeSeconds }, say),
    inspect: () => inspect(site),
    promote: () => promote(site),
    'restore-files': () => restoreFiles(store, database, config, run),
    'save-files': async () => ({ files: await saveFiles(store, database, config) }),
    verify: async () => {
      const check = checks[first];
      if (!check) throw new Refused(`say what to verify: ${Object.keys(checks).join(', ')}`);
      return { ok: true, ...(await check(site)) };
    },
    baseline: () => baseline(site),
    mark: () => mark(store, database, config),
    backup: () => takeBackup(site, first || `backup-${Date.now()}`, say),
    monitor: () => monitor(site, say),
    witness: () => makeWitness(config),
    keep: () => keep(config, database, Number(first), say),
  } satisfies Record<string, () => Promise<object>>;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { config: { type: 'string' }, 'max-age': { type: 'string' }, run: { type: 'string' } },
  });
  const [verb = '', ...args] = positionals;
  const config = readConfig(values.config ?? process.env['RUNBOOK_SITE_CONFIG']);
  mustBeKept(config);
  const verbs: Record<string, () => Promise<object>> = verbsOf(config, args, {
    run: values.run ?? process.env['RUNBOOK_RUN'] ?? null,
    // What was chosen and named is restored however old it has become.
    maxAgeSeconds: Number(
      values['max-age'] ?? (verb === 'restore-database' ? Infinity : dayAndTwoHours),
    ),
  });
  const known = verbs[verb];
  if (!known) throw new Refused(`there is no ${verb || 'verb'}: ${Object.keys(verbs).join(', ')}`);
  process.stdout.write(`${JSON.stringify(await known())}\n`);
} catch (error) {
  say((error as Error).message);
  process.exitCode = error instanceof Refused ? error.exitCode : 2;
}
