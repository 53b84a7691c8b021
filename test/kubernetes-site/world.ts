import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { statements } from '../../programs/kubernetes-site/database.js';
import type { JsonObject } from '../../language/json.js';
import { programFolder } from '../../worker/config.js';
import { sha256 } from './digests.js';
import type { DatabaseFile } from './stand-in.js';
import { toolNames, type ToolName } from './usage.js';

export type SiteName = 'a' | 'b' | 'drill';
const siteNames: readonly SiteName[] = ['a', 'b', 'drill'];
const tierNames = ['database', 'api', 'worker', 'frontend'] as const;

export const secrets = {
  login: 'correct-horse-7731',
  database: 'battery-staple-4402',
  application: 'canary-9d1f-token',
};

/**
 * The real programs, where there are any; contexts and namespaces are then those of one cluster.
 */
export interface Real {
  kubectl: string;
  /** Of the sites: with the rights that they need, and no others. */
  kubeconfig: string;
  /** Of whoever makes namespaces. */
  adminConfig: string;
  context: string;
  helm?: string;
}

export interface Call {
  tool: ToolName;
  argv: string[];
  env: Record<string, string>;
}

export interface Result {
  exitCode: number;
  json: JsonObject | null;
  problem: string;
}

/**
 * Sites whose program is the shipped one, and whose cloud is one of stand-ins; their users' servers
 * are here.
 */
export class CloudSites {
  private faults = 0;
  private servers: Server[] = [];
  private keepers: ChildProcess[] = [];
  private ports: Record<string, number> = {};

  private constructor(
    readonly folder: string,
    private readonly real: Real | undefined,
  ) {}

  static async start(real?: Real): Promise<CloudSites> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'runbook-cloud-')));
    const sites = new CloudSites(folder, real);
    for (const below of ['bin', 'faults', 'state', 'secrets']) mkdirSync(join(folder, below));
    for (const name of [...siteNames, 'page']) await sites.serve(name);
    sites.writeShims();
    sites.writeSecrets();
    for (const name of siteNames) sites.writeSite(name);
    return sites;
  }

  /**
   * Site a as in good days: everything runs, and a backup, WAL, files and configuration are in the
   * store.
   */
  async seed(): Promise<void> {
    await this.kubectl('witness', 'create', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'witness' },
    });
    await this.must('a', 'witness');
    await this.must('a', 'provision', '--run', 'first');
    const data = { greeting: 'hello' };
    await this.kubectl('a', 'create', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'shop' },
      data,
    });
    const secret = { token: Buffer.from(secrets.application).toString('base64') };
    await this.kubectl('a', 'create', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'shop' },
      data: secret,
    });
    const files = ['acme/logo.png', 'acme/terms.pdf', 'globex/logo.png'];
    for (const file of files) this.putObject(`shop-files-a/${file}`, `content of ${file}`);
    const rows = files.map((file) => {
      const [tenant = '', name = ''] = file.split('/');
      return { tenant, name, sha256: sha256(`content of ${file}`) };
    });
    const database: DatabaseFile = {
      ...{
        started: true,
        role: 'primary',
        paused: false,
        systemIdentifier: '7412345678901234567',
        timeline: 1,
      },
      ...{
        lastCommit: new Date(Date.now() - 1_000).toISOString(),
        ahead: 2,
        segment: 1,
        store: 'shop-store/shop/',
      },
      rows: {
        files: rows,
        tenants: [
          { tenant: 'acme', orders: 12 },
          { tenant: 'globex', orders: 7 },
        ],
      },
    };
    this.keepState('database/db-a', database);
    // As helm has put them there.
    for (const tier of tierNames) await this.kubectl('a', 'create', deployment(tier));
    await Promise.all(
      (['save-files', 'save-config', 'baseline'] as const).map((verb) => this.must('a', verb)),
    );
    this.putBackup(`base-${Date.now()}`, database.systemIdentifier);
    this.keepState('database/db-a', {
      ...this.database('a'),
      lastCommit: new Date().toISOString(),
    });
    await this.must('a', 'mark');
    this.keepState('backed-up', this.database('a'));
    this.forgetCalls();
  }

  /** A base backup and the WAL that it needs, as its Job would have put them there. */
  putBackup(id: string, systemIdentifier: string): void {
    const part = `all of ${systemIdentifier}`;
    const segment = '000000010000000000000001';
    const backup = {
      ...{
        id,
        takenAt: new Date().toISOString(),
        tookMs: 1_000,
        bytes: part.length,
        systemIdentifier,
        version: 17,
        timeline: 1,
      },
      ...{
        startWal: segment,
        parts: [{ name: 'base.tar', bytes: part.length, sha256: sha256(part) }],
      },
    };
    const put = (key: string, content: string): void => {
      this.putObject(`shop-store/shop/${key}`, content);
      this.putObject(`shop-store/shop/${key}.sha256`, sha256(content));
    };
    this.putObject(`shop-store/shop/base/${id}/base.tar`, part);
    put(`base/${id}/backup.json`, JSON.stringify(backup));
    put(`wal/${segment}`, '\u0001'.repeat(2 ** 20));
  }

  /** The disaster: nothing of the site answers any more. */
  lose(site: SiteName): void {
    this.keepState(`database/db-${site}`, { ...this.database(site), started: false });
  }

  async run(site: SiteName, verb: string, ...args: string[]): Promise<Result> {
    const { exitCode, stdout, stderr } = await execa(this.program(site), [verb, ...args], {
      reject: false,
      stdin: 'ignore',
    });
    return {
      exitCode: exitCode ?? 2,
      json: stdout === '' ? null : (JSON.parse(stdout) as JsonObject),
      problem: stderr,
    };
  }

  /** @throws Error unless it is done */
  async must(site: SiteName, verb: string, ...args: string[]): Promise<JsonObject> {
    const { exitCode, json, problem } = await this.run(site, verb, ...args);
    if (exitCode !== 0 || !json)
      throw new Error(`${verb} at ${site} ended with ${exitCode}: ${problem}`);
    return json;
  }

  program(site: SiteName): string {
    return join(this.folder, `site-${site}`);
  }

  address(name: SiteName | 'page'): string {
    return `127.0.0.1:${this.ports[name]}`;
  }

  /** The next call of a tool with this in its arguments dies. */
  fault(tool: ToolName, match: string, when: 'before' | 'after' | 'half' | number): void {
    this.faults += 1;
    writeFileSync(
      join(this.folder, 'faults', `${String(this.faults).padStart(3, '0')}.json`),
      JSON.stringify({ tool, match, when }),
    );
  }

  /** Faults that nothing has died of yet. */
  get faultsLeft(): number {
    return readdirSync(join(this.folder, 'faults')).length;
  }

  get calls(): Call[] {
    return this.lines<Call>('calls.jsonl');
  }

  /** What was done that is not to be done twice, in order. */
  get effects(): string[] {
    return this.lines<string>('effects.jsonl');
  }

  forgetCalls(): void {
    for (const name of ['calls.jsonl', 'effects.jsonl']) writeFileSync(join(this.folder, name), '');
  }

  /**
   * What a verb, or a step of a run, asked of the cloud, without the addresses and options that
   * every call has.
   */
  asked(step?: string): string[] {
    return this.calls
      .filter(({ env }) => step === undefined || env['RUNBOOK_STEP'] === step)
      .map(({ tool, argv }) => readable([tool, ...argv].join(' ').replaceAll(this.folder, '~')));
  }

  database(site: SiteName): DatabaseFile {
    return JSON.parse(
      readFileSync(join(this.folder, 'state', 'database', `db-${site}.json`), 'utf8'),
    ) as DatabaseFile;
  }

  keepState(name: string, value: unknown): void {
    const file = join(this.folder, 'state', `${name}.json`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(value));
  }

  /** Path of an object in the stand-in for S3. */
  object(key: string): string {
    return join(this.folder, 's3', key);
  }

  putObject(key: string, content: string): void {
    mkdirSync(dirname(this.object(key)), { recursive: true });
    writeFileSync(this.object(key), content);
  }

  /** @param where a site, or `witness` */
  async kubectl(
    where: SiteName | 'witness',
    verb: string,
    object?: object,
    ...args: string[]
  ): Promise<string> {
    const { kubeconfig, context, namespace } = this.cluster(where);
    const isNamespace = (object as { kind?: string } | undefined)?.kind === 'Namespace';
    const address = [
      `--kubeconfig=${kubeconfig}`,
      `--context=${context}`,
      ...(isNamespace ? [] : [`--namespace=${namespace}`]),
    ];
    const { stdout } = await execa(
      join(this.folder, 'bin', 'kubectl'),
      [verb, ...args, ...(object ? ['--filename=-'] : []), ...address],
      {
        ...(object ? { input: JSON.stringify(object) } : { stdin: 'ignore' as const }),
      },
    );
    return stdout;
  }

  /** Renews the lease of a site as its keeper does, until the end. */
  async keeper(site: SiteName): Promise<string> {
    const child = spawn(this.program(site), ['keep', '0'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    this.keepers.push(child);
    return new Promise((resolve, reject) => {
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString('utf8');
        const port = /keeper ready on (\d+)/.exec(said)?.[1];
        if (port !== undefined) resolve(`http://127.0.0.1:${port}/held`);
      });
      child.once('exit', () => reject(new Error(`the keeper of ${site} ended: ${said}`)));
    });
  }

  async stopKeepers(): Promise<void> {
    for (const keeper of this.keepers.splice(0)) {
      const exited = once(keeper, 'exit');
      // With what it is just calling.
      process.kill(-Number(keeper.pid), 'SIGKILL');
      await exited;
    }
  }

  async stop(): Promise<void> {
    await this.stopKeepers();
    for (const server of this.servers) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  cluster(where: SiteName | 'witness'): { kubeconfig: string; context: string; namespace: string } {
    if (this.real) {
      const { kubeconfig, context } = this.real;
      return { kubeconfig, context, namespace: where === 'witness' ? 'witness' : `shop-${where}` };
    }
    return {
      kubeconfig: join(this.folder, 'kubeconfig'),
      context: where,
      namespace: where === 'witness' ? 'witness' : 'shop',
    };
  }

  private lines<T>(name: string): T[] {
    const file = join(this.folder, name);
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T);
  }

  private writeShims(): void {
    const standIn = join(programFolder, 'test', 'kubernetes-site', 'stand-in.js');
    const { kubectl, helm } = this.real ?? {};
    const env = [
      `STAND_IN_FOLDER='${this.folder}'`,
      ...(kubectl === undefined ? [] : [`STAND_IN_KUBECTL='${kubectl}'`]),
      ...(helm === undefined ? [] : [`STAND_IN_HELM='${helm}'`]),
    ].join(' ');
    for (const tool of toolNames)
      this.script(join('bin', tool), `${env} exec '${process.execPath}' '${standIn}' ${tool} "$@"`);
    const program = join(programFolder, 'programs', 'kubernetes-site', 'program.js');
    for (const site of siteNames) {
      const config = join(this.folder, 'sites', site, 'site.yaml');
      this.script(
        `site-${site}`,
        `PATH='${join(this.folder, 'bin')}':"$PATH" RUNBOOK_SITE_CONFIG='${config}' exec '${process.execPath}' '${program}' "$@"`,
      );
    }
  }

  private script(name: string, line: string): void {
    writeFileSync(join(this.folder, name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(this.folder, name), 0o755);
  }

  private writeSecrets(): void {
    const write = (name: string, text: string): void =>
      writeFileSync(join(this.folder, 'secrets', name), text, { mode: 0o600 });
    write('key', randomBytes(32).toString('hex'));
    write('pgpass', `*:*:*:*:${secrets.database}\n`);
    write('login.json', JSON.stringify({ user: 'ada', password: secrets.login }));
    write('wrong.json', JSON.stringify({ user: 'ada', password: 'not-this-one' }));
  }

  private writeSite(site: SiteName): void {
    const below = join(this.folder, 'sites', site);
    const write = (name: string, text: string): void => {
      mkdirSync(dirname(join(below, name)), { recursive: true });
      writeFileSync(join(below, name), text);
    };
    const { kubeconfig, context, namespace } = this.cluster(site);
    const variables = {
      site,
      kubeconfig: this.real?.adminConfig ?? kubeconfig,
      context,
      namespace,
      bucket: `shop-files-${site}`,
      database: `db-${site}`,
    };
    write('terraform/main.tf', '');
    write(
      'site.tfvars',
      Object.entries(variables)
        .map(([name, value]) => `${name} = "${value}"`)
        .join('\n'),
    );
    write('restore-job.yaml', stringify(job({ DATABASE: `db-${site}` })));
    for (const tier of tierNames) {
      write(
        `charts/${tier}/Chart.yaml`,
        stringify({ apiVersion: 'v2', name: tier, version: '1.0.0' }),
      );
      const template = { spec: job({ DATABASE: `db-${site}` }).spec };
      const cronJob = {
        ...{ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'base-backup' } },
        spec: { schedule: '0 3 * * *', jobTemplate: template },
      };
      const objects = [deployment(tier), ...(tier === 'database' ? [cronJob] : [])];
      write(
        `charts/${tier}/templates/all.yaml`,
        objects.map((object) => stringify(object)).join('---\n'),
      );
      write(`charts/${tier}.values.yaml`, 'greeting: hello\n');
    }
    const url = `http://${this.address(site)}`;
    const tier = (name: string) => ({
      ...{
        release: `shop-${name}`,
        chart: `./charts/${name}`,
        values: [`charts/${name}.values.yaml`],
      },
      ...{ workload: `deployment/${name}`, waitSeconds: 60 },
    });
    // Keepers that renew seldom leave more of the machine to what is tested.
    const witness = {
      ...this.cluster('witness'),
      lease: 'shop',
      leaseSeconds: this.real ? 2 : 5,
      graceSeconds: 1,
    };
    const config = {
      site,
      isolated: site === 'drill',
      cluster: { kubeconfig, context, namespace },
      ...(site === 'drill' ? {} : { witness }),
      terraform: { folder: 'terraform', varFiles: ['site.tfvars'] },
      store: { bucket: 'shop-store', prefix: 'shop/', region: 'eu-central-1', profile: 'recovery' },
      files: { bucket: `shop-files-${site}`, rows: 'SELECT tenant, name, sha256 FROM files' },
      configuration: { configMaps: ['shop'], secrets: ['shop'], keyFile: '../../secrets/key' },
      database: {
        ...{
          host: `db-${site}`,
          user: 'site',
          name: 'shop',
          passwordFile: '../../secrets/pgpass',
          sslmode: 'disable',
        },
        ...{
          version: 17,
          walSegmentMb: 1,
          restoreJob: 'restore-job.yaml',
          backupCronJob: 'base-backup',
          settleSeconds: 0.2,
        },
        tenants: 'SELECT tenant, count(*) AS orders FROM orders GROUP BY tenant',
        queries: [
          { name: 'orders without a tenant', sql: 'SELECT 1 FROM orders WHERE tenant IS NULL' },
        ],
        waiting: 'SELECT count(*) FROM jobs WHERE done_at IS NULL',
      },
      tiers: Object.fromEntries(tierNames.map((name) => [name, tier(name)])),
      health: { name: 'health', url: `${url}/health` },
      login: [
        { name: 'ada', url: `${url}/login`, bodyFile: '../../secrets/login.json' },
        {
          name: 'ada with a wrong password',
          url: `${url}/login`,
          bodyFile: '../../secrets/wrong.json',
          status: 401,
        },
      ],
      // A loaded machine is no slow site.
      speed: { url: `${url}/`, requests: 20, factor: 10_000 },
    };
    write('site.yaml', stringify(config));
  }

  /**
   * What users get at a site: something only while its API is deployed and its database takes
   * writes.
   */
  private async serve(name: string): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const status =
          name === 'page'
            ? pageStatus(request.url)
            : this.answerOf(name as SiteName, request.url, Buffer.concat(chunks).toString());
        response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    this.ports[name] = (server.address() as AddressInfo).port;
    this.servers.push(server);
  }

  private answerOf(site: SiteName, url: string | undefined, body: string): number {
    const file = join(this.folder, 'state', 'database', `db-${site}.json`);
    if (!existsSync(file) || !this.database(site).started || this.database(site).role !== 'primary')
      return 503;
    if (url !== '/login') return 200;
    return (JSON.parse(body) as { password?: string }).password === secrets.login ? 200 : 401;
  }
}

const always: Record<string, string> = {
  psql: ' --no-psqlrc --no-password --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1',
  kubectl: ' --request-timeout=30s',
  aws: ' --query=Contents[].{key:Key,size:Size,at:LastModified}',
};

function readable(line: string): string {
  const common = always[line.split(' ')[0] ?? ''] ?? '';
  const known = Object.values(statements).reduce(
    (text, sql) => text.replace(` ${sql.replace(/\s+/g, ' ')}`, ''),
    line,
  );
  return known
    .replace(common, '')
    .replace(' --kubeconfig=~/kubeconfig', '')
    .replace(/base-\d{13}/g, 'BACKUP')
    .replace(/\d{4}-\d\d-\d\dT[\d-]+Z/g, 'CONFIG')
    .replace(/\b[0-9a-f]{64}\b/g, 'SHA256')
    .replace(/\b[0-9a-f]{16}\b/g, 'DIGEST');
}

function pageStatus(url: string | undefined): number {
  return url === '/health' || url === '/ready' ? 200 : 503;
}

function deployment(name: string): object {
  const labels = { app: name };
  const container = { name, image: `registry.example/${name}:1.0.0` };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 0, containers: [container] },
      },
    },
  };
}

function job(env: Record<string, string>) {
  const container = { name: 'restore', image: 'registry.example/restore:1.0.0' };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'restore' },
    spec: {
      backoffLimit: 0,
      template: {
        spec: {
          restartPolicy: 'Never',
          containers: [
            { ...container, env: Object.entries(env).map(([name, value]) => ({ name, value })) },
          ],
        },
      },
    },
  };
}
