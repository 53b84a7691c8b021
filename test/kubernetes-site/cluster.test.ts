import { mkdtemp, rm } from 'node:fs/promises';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Cluster, contextName } from '../../lab/kubernetes/cluster.js';
import { findHelm, kubernetesMissing, program } from '../../lab/kubernetes/programs.js';
import { readConfig, type SiteConfig } from '../../programs/kubernetes-site/config.js';
import { install, status } from '../../programs/kubernetes-site/releases.js';
import { fence, makeWitness } from '../../programs/kubernetes-site/witness.js';
import { tell } from '../chaos/tell.js';
import { until } from '../../lab/until.js';
import { CloudSites, secrets } from './world.js';

/*
 * The Kubernetes part of the site program on a real API server with its controllers, with the
 * rights of its roles and no others; two namespaces are the sites, a third one is the witness's.
 * Only terraform, aws and psql stand in, and helm where it is neither built nor installed.
 */
const here = kubernetesMissing() ? describe.skip : describe;
const helm = findHelm();
const races = 20;
const siteFolder = join(import.meta.dirname, '..', '..', 'programs', 'kubernetes-site');

interface Found {
  metadata: { name: string; uid: string; generation: number };
  spec: { replicas: number };
  status: { readyReplicas?: number; replicas?: number };
}

here('a site in Kubernetes', () => {
  let folder: string;
  let cluster: Cluster;
  let sites: CloudSites;
  let config: SiteConfig;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'runbook-cluster-'));
    cluster = await Cluster.start(folder);
    const kubeconfigs = { kubeconfig: cluster.deployerConfig, adminConfig: cluster.adminConfig };
    const real = { kubectl: program('kubectl'), ...kubeconfigs, context: contextName };
    sites = await CloudSites.start({ ...real, ...(helm === undefined ? {} : { helm }) });
    for (const namespace of ['shop-a', 'shop-b', 'witness']) {
      const role = join(siteFolder, namespace === 'witness' ? 'witness-role.yaml' : 'role.yaml');
      await cluster.kubectl('create', 'namespace', namespace);
      await cluster.kubectl('apply', `--namespace=${namespace}`, '-f', role);
    }
    const found = readConfig(join(sites.folder, 'sites', 'a', 'site.yaml'));
    config = { ...found, programs: { kubectl: program('kubectl') } };
  }, 180_000);
  afterAll(async () => {
    await sites?.stop();
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  const deployment = async (site: 'a' | 'b', name: string): Promise<Found | undefined> => {
    const text = await cluster.kubectl(
      'get',
      `deployment/${name}`,
      `--namespace=shop-${site}`,
      '--ignore-not-found',
      '-o',
      'json',
    );
    return text === '' ? undefined : (JSON.parse(text) as Found);
  };

  test('of two recoveries that ask for the epoch at once exactly one gets it', async () => {
    const of = (lease: string): SiteConfig => ({
      ...config,
      witness: { ...config.witness!, lease, leaseSeconds: 1, graceSeconds: 0 },
    });
    const winners = async (
      title: string,
      count: number,
      race: (lease: SiteConfig, site: string) => Promise<unknown>,
    ): Promise<number[]> => {
      const all: number[] = [];
      for (let round = 0; round < count; round += 1) {
        const lease = of(`${title}-${round}`);
        await makeWitness(lease);
        const both = await Promise.allSettled(['b', 'c'].map((site) => race(lease, site)));
        all.push(both.filter(({ status }) => status === 'fulfilled').length);
      }
      return all;
    };
    const guarded = await winners('guarded', races, (lease, site) =>
      fence(lease, 2, site, () => undefined),
    );
    expect(guarded).toEqual(Array.from({ length: races }, () => 1));

    // Without the compare-and-swap, both of them.
    const blind = await winners('blind', 3, async ({ witness }, site) => {
      const name = witness!.lease;
      const lease = JSON.parse(
        await cluster.kubectl('get', `lease/${name}`, '--namespace=witness', '-o', 'json'),
      ) as {
        spec: { leaseTransitions: number };
      };
      if (lease.spec.leaseTransitions !== 1) throw new Error('it is given away already');
      const patch = JSON.stringify({ spec: { holderIdentity: site, leaseTransitions: 2 } });
      await cluster.kubectl(
        'patch',
        `lease/${name}`,
        '--namespace=witness',
        '--type=merge',
        `--patch=${patch}`,
      );
    });
    expect(Math.max(...blind)).toBe(2);
    tell(
      `${races} races for the epoch: one winner in ${guarded.filter((won) => won === 1).length}; without compare-and-swap two winners in ${blind.filter((won) => won === 2).length} of 3`,
    );
  }, 180_000);

  test('fence returns when the keeper of the old site has let go, and a site that comes back does not get it again', async () => {
    await sites.must('a', 'witness');
    sites.keepState('database/db-a', database('primary'));
    const probe = await sites.keeper('a');
    const held = async (): Promise<number> => (await fetch(probe)).status;
    await until(
      'the keeper to hold the lease',
      async () =>
        (await held()) === 200 && ((await (await fetch(probe)).json()) as { held: boolean }).held,
    );
    const begun = performance.now();
    const { fencedAt } = await sites.must('b', 'fence', '2', 'b');
    const took = performance.now() - begun;
    expect(await held()).toBe(503);
    expect(took).toBeGreaterThan(3_000);
    tell(
      `fence: ${Math.round(took)} ms with a lease of 2 s and a grace of 1 s, and nobody holds it at site a`,
    );
    // Told again it has been done; another site, or an older epoch, is refused.
    expect(await sites.must('b', 'fence', '2', 'b')).toMatchObject({
      epoch: 2,
      site: 'b',
      fencedAt,
    });
    expect(await sites.run('a', 'fence', '2', 'a')).toMatchObject({
      exitCode: 2,
      problem: expect.stringMatching(/at epoch 2, of site b/),
    });
    expect(await held()).toBe(503);
    await sites.stopKeepers();
  }, 120_000);

  test('configuration and secrets go from one site to the other, and are seen by nobody on the way', async () => {
    for (const site of ['a', 'b'] as const) await sites.must(site, 'provision', '--run', 'one');
    expect(await sites.run('b', 'provision', '--run', 'two')).toMatchObject({
      exitCode: 2,
      problem: expect.stringMatching(/prepared by one/),
    });
    const token = Buffer.from(secrets.application).toString('base64');
    await sites.kubectl('a', 'create', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'shop' },
      data: { greeting: 'hello' },
    });
    await sites.kubectl('a', 'create', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'shop' },
      data: { token },
    });
    await sites.must('a', 'save-config');
    await sites.must('b', 'restore-config', '--run', 'one');
    await sites.must('b', 'restore-config', '--run', 'one');
    expect(
      await cluster.kubectl(
        'get',
        'secret/shop',
        '--namespace=shop-b',
        '-o',
        'jsonpath={.data.token}',
      ),
    ).toBe(token);
    // Not in the object's history of changes either.
    expect(
      await cluster.kubectl(
        'get',
        'secret/shop',
        '--namespace=shop-b',
        '-o',
        'jsonpath={.metadata.annotations}',
      ),
    ).toBe('');
    expect(JSON.stringify(sites.calls)).not.toContain(token);
  }, 120_000);

  test('the database is restored by a Job, once; the tiers come up after it, and one that died half-way is finished', async () => {
    sites.putBackup('base-1', '7412345678901234567');
    sites.keepState('database/db-b', database('standby'));
    sites.fault('helm', 'upgrade shop-database', helm === undefined ? 'half' : 'after');
    const restore = ['restore-database', 'base-1', 'latest', '--run', 'one'] as const;
    expect(await sites.run('b', ...restore)).toMatchObject({ exitCode: 2 });
    const jobs = async (): Promise<string> =>
      cluster.kubectl(
        'get',
        'jobs',
        '--namespace=shop-b',
        '-o',
        'jsonpath={.items[*].metadata.uid}',
      );
    const before = await jobs();
    expect(before.split(' ')).toHaveLength(1);
    expect(await sites.must('b', ...restore)).toMatchObject({
      backup: 'base-1',
      systemIdentifier: '7412345678901234567',
    });
    expect(await sites.must('b', ...restore)).toMatchObject({ backup: 'base-1' });
    expect(await jobs()).toBe(before);
    expect((await deployment('b', 'database'))?.status.readyReplicas).toBe(2);

    expect(await sites.run('b', 'ready', 'api')).toMatchObject({ exitCode: 1 });
    sites.fault('helm', 'upgrade shop-api', helm === undefined ? 'half' : 'after');
    expect(await sites.run('b', 'start', 'api')).toMatchObject({ exitCode: 2 });
    await sites.must('b', 'start', 'api');
    const ready = await until(
      'the API',
      async () => (await sites.run('b', 'ready', 'api')).json ?? undefined,
    );
    expect(ready).toMatchObject({ ready: true, pods: 2 });
    const made = await deployment('b', 'api');
    expect(await sites.must('b', 'start', 'api')).toMatchObject({ changed: false });
    expect((await deployment('b', 'api'))?.metadata).toMatchObject({
      uid: made?.metadata.uid,
      generation: made?.metadata.generation,
    });
  }, 180_000);

  (helm === undefined ? test.skip : test)(
    'what the real helm left pending is finished',
    async () => {
      const found = readConfig(join(sites.folder, 'sites', 'b', 'site.yaml'));
      const own = { ...found, programs: { helm: helm ?? '' } };
      const release = own.tiers.worker;
      const template = join(release.chart, 'templates', 'all.yaml');
      const good = readFileSync(template, 'utf8');
      const said: string[] = [];
      const bring = () => install(own, release, (line) => said.push(line));
      writeFileSync(template, good.replace(':1.0.0', ':1.0.0-never-ready'));
      const dying = bring().catch((error: Error) => error.message);
      await until(
        'helm to wait',
        async () => (await status(own, release.release))?.info.status === 'pending-install',
      );
      for (const pid of pidsOf(['upgrade', release.release])) process.kill(pid, 'SIGKILL');
      expect(await dying).toMatch(
        /^helm upgrade shop-worker: it ended with code none: it was killed/,
      );
      expect((await status(own, release.release))?.info.status).toBe('pending-install');
      writeFileSync(template, good);
      expect(await bring()).toEqual({ release: 'shop-worker', revision: 1, changed: true });
      expect(await bring()).toEqual({ release: 'shop-worker', revision: 1, changed: false });
      expect(said).toEqual([
        'release shop-worker is pending-install: it is taken away, and done again',
      ]);
      // The same of a later revision: back to the one before it, and from there.
      writeFileSync(template, good.replace(':1.0.0', ':2.0.0-never-ready'));
      writeFileSync(
        join(release.chart, 'Chart.yaml'),
        readFileSync(join(release.chart, 'Chart.yaml'), 'utf8').replace('1.0.0', '2.0.0'),
      );
      writeFileSync(release.values[0] ?? '', 'greeting: good day\n');
      const again = bring().catch((error: Error) => error.message);
      await until(
        'helm to wait',
        async () => (await status(own, release.release))?.info.status === 'pending-upgrade',
      );
      for (const pid of pidsOf(['upgrade', release.release])) process.kill(pid, 'SIGKILL');
      expect(await again).toMatch(/it was killed/);
      writeFileSync(template, good);
      expect(await bring()).toMatchObject({ changed: true });
      expect(said.at(-1)).toBe(
        'release shop-worker is pending-upgrade: back to revision 1, and done again',
      );
      expect((await status(own, release.release))?.info.status).toBe('deployed');
      await sites.must('b', 'stop', 'worker');
    },
    180_000,
  );

  test('a site that can be reached is scaled to zero, told again nothing is done, and it comes back with the pods it had', async () => {
    expect(await sites.must('b', 'stop')).toEqual({ stopped: ['api', 'database'] });
    for (const name of ['api', 'database']) {
      const found = await deployment('b', name);
      expect([name, found?.spec.replicas, found?.status.replicas ?? 0]).toEqual([name, 0, 0]);
    }
    expect(await sites.must('b', 'stop')).toEqual({ stopped: [] });
    expect(await sites.run('b', 'ready', 'api')).toMatchObject({
      exitCode: 1,
      problem: 'api is stopped',
    });
    await sites.must('b', 'start', 'api');
    await until('the API', async () => (await sites.run('b', 'ready', 'api')).exitCode === 0);
    expect((await deployment('b', 'api'))?.spec.replicas).toBe(2);
  }, 120_000);

  test('a site that cannot be reached says so, and is neither stopped nor torn down', async () => {
    const file = join(sites.folder, 'sites', 'a', 'site.yaml');
    const before = readFileSync(file, 'utf8');
    const nowhere = join(folder, 'nowhere.kubeconfig');
    writeFileSync(
      nowhere,
      readFileSync(cluster.deployerConfig, 'utf8').replace(/127\.0\.0\.1:\d+/, '127.0.0.1:9'),
    );
    writeFileSync(file, before.replaceAll(cluster.deployerConfig, nowhere));
    expect(await sites.run('a', 'stop')).toMatchObject({
      exitCode: 2,
      json: null,
      problem: expect.stringMatching(/^kubectl get.*refused/),
    });
    expect(await sites.run('a', 'teardown')).toMatchObject({
      exitCode: 2,
      problem: expect.stringMatching(/witness cannot be asked/),
    });
    // What stands there is known from terraform's state all the same.
    expect(await sites.must('a', 'look')).toMatchObject({
      exists: true,
      database: 'primary',
      epoch: null,
    });
    writeFileSync(file, before);
    expect(await sites.must('a', 'teardown')).toEqual({ removed: true });
    expect(await sites.must('a', 'teardown')).toEqual({ removed: false });
    expect(await sites.run('b', 'teardown')).toMatchObject({
      exitCode: 2,
      problem: expect.stringMatching(/site b holds epoch 2/),
    });
  }, 120_000);
});

/** Processes with these words among their arguments. */
function pidsOf(words: readonly string[]): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words.every((word) => args.includes(word));
      } catch {
        return false;
      }
    })
    .map(Number);
}

function database(role: 'primary' | 'standby') {
  return {
    ...{
      started: true,
      role,
      paused: false,
      systemIdentifier: '7412345678901234567',
      timeline: 1,
      ahead: 1,
      segment: 2,
    },
    ...{ lastCommit: new Date().toISOString(), store: 'shop-store/shop/', rows: {} },
  };
}
