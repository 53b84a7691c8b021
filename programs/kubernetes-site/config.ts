import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { Refused } from './refused.js';

const text = z.string().min(1);
/** Names go into the arguments of programs: none of them can be taken for an option. */
const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'is no name: lower-case letters, digits, dots and dashes');
const seconds = z.number().int().positive();
const sql = text;

const cluster = z.strictObject({ kubeconfig: text, context: name, namespace: name });

/** What helm installs. */
const release = z.strictObject({
  release: name,
  chart: text.refine((given) => !given.startsWith('-'), 'is no chart'),
  version: text.regex(/^[0-9]/, 'is no version').optional(),
  /** Secret values stand in such a file, never in this one. */
  values: z.array(text).default([]),
  /** Of the release; what `ready` waits for and `stop` scales down. */
  workload: z
    .string()
    .regex(
      /^(deployment|statefulset)\/[a-z0-9][a-z0-9.-]*$/,
      'is no deployment/NAME or statefulset/NAME',
    ),
  waitSeconds: seconds.default(300),
});

const request = z.strictObject({
  name: text,
  url: z.url(),
  method: z.enum(['GET', 'POST']).default('GET'),
  /** Holds JSON, password included: a file that nobody else can read. */
  bodyFile: text.optional(),
  status: z.number().int().default(200),
});

const schema = z.strictObject({
  site: z.string().regex(/^[a-z][a-z0-9]*$/),
  /** A drill's site: it writes into no store, asks no witness, and can always be removed. */
  isolated: z.boolean().default(false),
  cluster,
  /** A Lease in a cluster outside of all sites. */
  witness: cluster
    .extend({
      lease: name,
      /** How long the right to write lasts after it was renewed. */
      leaseSeconds: seconds.default(15),
      /** How long it may take until nothing is written any more once the lease has run out. */
      graceSeconds: seconds.default(15),
    })
    .optional(),
  terraform: z.strictObject({
    folder: text,
    varFiles: z.array(text).default([]),
    backendConfig: text.optional(),
  }),
  /** Where backups, WAL, files and configuration are kept: outside of all sites. */
  store: z.strictObject({
    bucket: name,
    prefix: z
      .string()
      .regex(/^([\w.-]+\/)*$/, 'is no prefix: empty, or ends with a slash')
      .default(''),
    region: name.optional(),
    profile: text.optional(),
    credentialsFile: text.optional(),
    endpoint: z.url().optional(),
  }),
  /** Where the application keeps its uploaded files. */
  files: z.strictObject({
    bucket: name,
    prefix: z
      .string()
      .regex(/^([\w.-]+\/)*$/)
      .default(''),
    /** All files that the database knows: tenant, name, sha256. */
    rows: sql,
  }),
  configuration: z.strictObject({
    configMaps: z.array(name).default([]),
    secrets: z.array(name).default([]),
    /**
     * 32 bytes in hexadecimal: what the secrets in the store are encrypted with. Not kept there.
     */
    keyFile: text,
  }),
  database: z.strictObject({
    host: text,
    port: z.number().int().default(5432),
    user: text,
    name: text,
    /** In the form of .pgpass. */
    passwordFile: text,
    sslmode: z.enum(['disable', 'require', 'verify-ca', 'verify-full']).default('verify-full'),
    version: z.number().int(),
    walSegmentMb: z.number().int().default(16),
    /**
     * A Job: restores the backup named by RESTORE_BACKUP, to be replayed up to RESTORE_TARGET, as a
     * standby.
     */
    restoreJob: text,
    restoreSeconds: seconds.default(6 * 3600),
    /** Takes a base backup into the store. */
    backupCronJob: name,
    backupSeconds: seconds.default(3600),
    /** For so long nothing is replayed any more: that was all. */
    settleSeconds: z.number().positive().default(5),
    /** One row for each tenant: tenant, and numbers. */
    tenants: sql,
    /** Each of them finds nothing in a database that is well. */
    queries: z.array(z.strictObject({ name: text, sql })).min(1),
    /** One number: work that waits to be done by the workers. */
    waiting: sql.optional(),
  }),
  tiers: z.strictObject({ database: release, api: release, worker: release, frontend: release }),
  health: request,
  /** The right password, and wrong ones. */
  login: z.array(request).min(1),
  speed: z.strictObject({
    url: z.url(),
    requests: z.number().int().positive().default(50),
    factor: z.number().positive().default(2),
  }),
  programs: z
    .strictObject({ terraform: text, kubectl: text, helm: text, aws: text, psql: text })
    .partial()
    .default({}),
});

export type SiteConfig = z.infer<typeof schema>;
export type Release = SiteConfig['tiers']['api'];
export type Request = SiteConfig['health'];
export type ClusterAddress = z.infer<typeof cluster>;

export const tiers = ['database', 'api', 'worker', 'frontend'] as const;
export type Tier = (typeof tiers)[number];

export function tierOf(given: string): Tier {
  const tier = tiers.find((each) => each === given);
  if (!tier) throw new Refused(`say which tier: ${tiers.join(', ')}`);
  return tier;
}

/**
 * Reads what the program knows of its site. Files are named from the folder of the configuration.
 * @throws Refused in words, for each thing that is wrong; and when a file with a secret can be read
 *   by others
 */
export function readConfig(file: string | undefined): SiteConfig {
  if (file === undefined || file === '')
    throw new Refused('say which site: --config FILE, or RUNBOOK_SITE_CONFIG');
  let given: unknown;
  try {
    given = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Refused(`${file} cannot be read: ${(error as Error).message.split('\n')[0]}`);
  }
  const found = schema.safeParse(given);
  if (!found.success) {
    const wrong = found.error.issues.map(
      ({ path, message }) => `${path.join('.') || 'the whole'}: ${message}`,
    );
    throw new Refused(`${file} is not as it should be: ${wrong.join('; ')}`);
  }
  const config = found.data;
  if (!config.isolated && !config.witness)
    throw new Refused(`${file} names no witness: only an isolated site has none`);
  const from = dirname(resolve(file));
  return withFiles(config, (each) => resolve(from, each));
}

/** Files that nobody but their owner may read. */
function secretFiles({ configuration, database, store, login, health }: SiteConfig): string[] {
  const bodies = [health, ...login].map(({ bodyFile }) => bodyFile);
  return [configuration.keyFile, database.passwordFile, store.credentialsFile, ...bodies].filter(
    (file) => file !== undefined,
  );
}

/** @throws Refused when a secret can be read by others, or is not there */
export function mustBeKept(config: SiteConfig): void {
  for (const file of secretFiles(config)) {
    const mode = statSync(file, { throwIfNoEntry: false })?.mode;
    if (mode === undefined) throw new Refused(`${file} is not there`);
    if ((mode & 0o077) !== 0) throw new Refused(`${file} can be read by others: chmod 600 ${file}`);
  }
}

function withFiles(config: SiteConfig, at: (file: string) => string): SiteConfig {
  const {
    cluster: own,
    witness,
    terraform,
    store,
    configuration,
    database,
    login,
    health,
  } = config;
  const ofRelease = (given: Release): Release => ({
    ...given,
    values: given.values.map(at),
    // A chart in a folder is named by its path; everything else is a repository's, or an address.
    chart: /^\.{0,2}\//.test(given.chart) ? at(given.chart) : given.chart,
  });
  const ofRequest = (given: Request): Request =>
    given.bodyFile === undefined ? given : { ...given, bodyFile: at(given.bodyFile) };
  return {
    ...config,
    cluster: { ...own, kubeconfig: at(own.kubeconfig) },
    ...(witness ? { witness: { ...witness, kubeconfig: at(witness.kubeconfig) } } : {}),
    terraform: {
      ...terraform,
      folder: at(terraform.folder),
      varFiles: terraform.varFiles.map(at),
      ...(terraform.backendConfig === undefined
        ? {}
        : { backendConfig: at(terraform.backendConfig) }),
    },
    store: {
      ...store,
      ...(store.credentialsFile === undefined
        ? {}
        : { credentialsFile: at(store.credentialsFile) }),
    },
    configuration: { ...configuration, keyFile: at(configuration.keyFile) },
    database: {
      ...database,
      passwordFile: at(database.passwordFile),
      restoreJob: at(database.restoreJob),
    },
    tiers: {
      database: ofRelease(config.tiers.database),
      api: ofRelease(config.tiers.api),
      worker: ofRelease(config.tiers.worker),
      frontend: ofRelease(config.tiers.frontend),
    },
    health: ofRequest(health),
    login: login.map(ofRequest),
  };
}
