import { parseArgs } from 'node:util';
import { assess } from './backups.js';
import { takeBackup } from './base-backup.js';
import { restoreConfig, saveConfig } from './config-backup.js';
import { drain, resume } from './drain.js';
import { fence } from './fence.js';
import { restoreFiles } from './file-vault.js';
import { inspect } from './inspect.js';
import { look } from './look.js';
import { monitor } from './monitoring.js';
import { mustBeOf, provision, teardown } from './place.js';
import { promote } from './promote.js';
import { restoreDatabase } from './restore-database.js';
import { readSiteConfig, Refused, tiers, vaultPlaces } from './site-config.js';
import { writeJsonDurably } from './durable-files.js';
import { readyTier, startTier, stopTiers, tierOf } from './tiers.js';
import { checks, measureSpeed } from './verify.js';

/*
 * The program of a site, as recovery runbooks call it: node program.js CONFIG VERB ARGUMENTS;
 * README.md has the verbs and what they print. One line of JSON on standard output; progress and
 * what went wrong on standard error.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'max-age': { type: 'string' }, run: { type: 'string' } },
});
const [configFile = '', verb = '', first = '', second = ''] = positionals;
const config = readSiteConfig(configFile);
const run = values.run ?? process.env['RUNBOOK_RUN'] ?? null;
/**
 * The age that is allowed unless said is for choosing; what was chosen and named is restored
 * however old it has become.
 */
const unlessSaid = verb === 'restore-database' ? Infinity : config.maxAgeSeconds;
const maxAgeSeconds = values['max-age'] === undefined ? unlessSaid : Number(values['max-age']);

const verbs: Record<string, () => object | Promise<object>> = {
  look: () => look(config),
  backups: () => assess(config, first === '' ? undefined : first, maxAgeSeconds),
  drain: () => drain(config, say),
  resume: () => resume(config),
  fence: () => fence(config, Number(first), second),
  stop: async () => ({ stopped: await stopTiers(config, first === '' ? tiers : [tierOf(first)]) }),
  start: () => startTier(config, tierOf(first), second === '' ? undefined : second),
  ready: () => readyTier(config, tierOf(first)),
  provision: () => provision(config, run),
  teardown: async () => ({ removed: await teardown(config) }),
  'restore-config': () => {
    mustBeOf(config, run);
    return restoreConfig(config);
  },
  'save-config': () => saveConfig(config),
  'restore-database': () =>
    restoreDatabase(config, { backup: first, point: second || 'latest', run, maxAgeSeconds }, say),
  inspect: () => inspect(config),
  promote: () => promote(config, say),
  'restore-files': () => {
    mustBeOf(config, run);
    return restoreFiles(config);
  },
  verify: async () => {
    const check = checks[first];
    if (!check) throw new Refused(`say what to verify: ${Object.keys(checks).join(', ')}`);
    return { ok: true, ...(await check(config)) };
  },
  baseline: async () => {
    if (config.isolated) throw new Refused('an isolated site never writes into the vault');
    const { tenants } = await inspect(config);
    const baseline = {
      ...(await measureSpeed(config)),
      tenants,
      savedAt: new Date().toISOString(),
    };
    writeJsonDurably(vaultPlaces(config.vault).baseline, baseline);
    return baseline;
  },
  backup: () => takeBackup(config, say),
  monitor: () => monitor(config, say),
};

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  const known = verbs[verb];
  if (!known) throw new Refused(`there is no ${verb || 'verb'}: ${Object.keys(verbs).join(', ')}`);
  process.stdout.write(`${JSON.stringify(await known())}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = error instanceof Refused ? error.exitCode : 2;
}
