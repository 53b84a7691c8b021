import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  backupIds,
  judgeBackup,
  type JudgedBackup,
} from '../../programs/kubernetes-site/backups.js';
import { mustBeKept, readConfig, type SiteConfig } from '../../programs/kubernetes-site/config.js';
import { judgeConfiguration } from '../../programs/kubernetes-site/configuration.js';
import { judgeFiles } from '../../programs/kubernetes-site/files.js';
import { jobFrom } from '../../programs/kubernetes-site/jobs.js';
import { Store } from '../../programs/kubernetes-site/store.js';
import { sha256 } from './digests.js';
import { CloudSites } from './world.js';

/*
 * What a recovery that goes well does not come to: bad backups, the good order, and what is wrong
 * with a site's configuration.
 */

let sites: CloudSites;
let config: SiteConfig;
let store: Store;
beforeAll(async () => {
  sites = await CloudSites.start();
  await sites.seed();
  const found = readConfig(join(sites.folder, 'sites', 'b', 'site.yaml'));
  config = { ...found, programs: { aws: join(sites.folder, 'bin', 'aws') } };
  store = new Store(config);
}, 120_000);
afterAll(() => sites?.stop());

/** What is said of the newest backup. */
async function judged(maxAgeSeconds = 3_600) {
  const [id = ''] = await backupIds(store);
  return (await judgeBackup(store, config, id, maxAgeSeconds)).judged;
}

/** Does it to an object of the store, and undoes it. */
async function spoiled<T>(
  key: string,
  change: (content: string) => string | null,
  look: () => Promise<T>,
): Promise<T> {
  const file = sites.object(`shop-store/shop/${key}`);
  const before = readFileSync(file);
  const next = change(before.toString('latin1'));
  if (next === null) rmSync(file);
  else writeFileSync(file, next, 'latin1');
  try {
    return await look();
  } finally {
    writeFileSync(file, before);
  }
}

const base = (): string => `base/${readdirSync(sites.object('shop-store/shop/base'))[0]}`;
const configuration = (): string =>
  `config/${readdirSync(sites.object('shop-store/shop/config')).find((name) => name.endsWith('.json'))}`;

test('of six bad backups none is used, and nothing of the target is touched', async () => {
  const tar = `${base()}/base.tar`;
  const flip = (content: string): string => `X${content.slice(1)}`;
  const bad: [RegExp, () => Promise<JudgedBackup>][] = [
    [/base.tar is not what its digest says/, () => spoiled(tar, flip, judged)],
    [
      /base.tar has 9 bytes, and had 26/,
      () => spoiled(tar, (content) => content.slice(0, 9), judged),
    ],
    [/base.tar has 0 bytes/, () => spoiled(tar, () => '', judged)],
    [/s old, and 0 s are allowed/, () => judged(0)],
    [
      /it is of PostgreSQL 16, and 17 runs here/,
      () =>
        spoiled(
          `${base()}/backup.json`,
          (content) => content.replace('"version":17', '"version":16'),
          () => {
            const text = readFileSync(sites.object(`shop-store/shop/${base()}/backup.json`));
            return spoiled(`${base()}/backup.json.sha256`, () => sha256(text), judged);
          },
        ),
    ],
    [/base.tar is not there/, () => spoiled(tar, () => null, judged)],
  ];
  for (const [problem, look] of bad) {
    const found = await look();
    expect([found.good, found.problem]).toEqual([false, expect.stringMatching(problem)]);
  }
  expect(await judged()).toMatchObject({ good: true, problem: null });
  const id = base().replace('base/', '');
  const none = {
    chosen: null,
    lost: 'there is no base backup that is good: nothing can be restored',
  };
  expect(await spoiled(tar, flip, () => sites.must('b', 'backups'))).toMatchObject(none);
  const refused = await spoiled(tar, flip, () =>
    sites.run('a', 'restore-database', id, 'latest', '--run', 'first'),
  );
  expect(refused).toMatchObject({
    exitCode: 2,
    problem: expect.stringMatching(/is not restored: .*base.tar is not what its digest says/),
  });
  expect(sites.effects).toEqual([]);
}, 120_000);

test('what cannot be had besides is said beforehand: WAL, files, configuration', async () => {
  const segment = 'wal/000000010000000000000001';
  const without = await spoiled(
    segment,
    () => null,
    () => sites.must('b', 'backups'),
  );
  expect(without).toMatchObject({
    wal: { missing: ['000000010000000000000001'] },
    lost: expect.stringMatching(
      /^WAL segment 000000010000000000000001 is missing in the store or damaged/,
    ),
  });
  const file = `files/${sha256('content of acme/logo.png')}`;
  const { problem } = await spoiled(
    file,
    () => null,
    () => judgeFiles(store),
  );
  expect(problem).toBe('1 of 3 files are not in the store, or not whole');
  const key = join(sites.folder, 'secrets', 'key');
  const other = readFileSync(key, 'utf8');
  writeFileSync(key, 'a'.repeat(64));
  const locked = await judgeConfiguration(store, config);
  expect(locked).toMatchObject({
    good: false,
    problem: expect.stringMatching(/cannot be decrypted: the key is another one/),
  });
  writeFileSync(key, other);
  const changed = await spoiled(
    configuration(),
    (content) => content.replace('hello', 'jello'),
    () => judgeConfiguration(store, config),
  );
  expect(changed).toMatchObject({
    good: false,
    problem: expect.stringMatching(/is not what its digest says/),
  });
  expect(await judgeConfiguration(store, config)).toMatchObject({ good: true });
}, 120_000);

test('a site is drained in good order, once, and can be opened again', async () => {
  sites.forgetCalls();
  sites.fault('aws', 'cp - s3://shop-store/shop/marks', 'before');
  expect(await sites.run('a', 'drain')).toMatchObject({ exitCode: 2 });
  const drained = await sites.must('a', 'drain');
  expect(drained).toMatchObject({
    drained: true,
    lastCommit: sites.database('a').lastCommit,
    files: 3,
  });
  expect(await sites.must('a', 'drain')).toEqual(drained);
  expect(sites.effects).toEqual(['scale a/api to 0', 'scale a/worker to 0']);
  const at = (what: string): number => sites.asked().findIndex((line) => line.includes(what));
  // First nobody asks, then nobody works, then nobody writes, and then it is brought away.
  const order = [
    'scale deployment/api',
    'site: waiting',
    'scale deployment/worker',
    'site: writing',
    'site: switch-wal',
    'shop/marks/',
  ];
  expect(order.map(at)).toEqual(order.map(at).sort((one, other) => one - other));
  expect(order.map(at)).not.toContain(-1);
  sites.forgetCalls();
  expect(await sites.must('a', 'resume')).toEqual({ draining: false });
  expect(
    sites.effects.filter((effect) => effect.startsWith('scale') || effect.startsWith('upgrade'))
      .length,
  ).toBeGreaterThan(0);
  expect(await sites.must('a', 'look')).toMatchObject({ draining: false });
}, 120_000);

test('a drill is made, cannot write into the store, and is torn down, also when terraform died half-way', async () => {
  sites.forgetCalls();
  sites.fault('terraform', 'apply', 'half');
  expect(await sites.run('drill', 'provision', '--run', 'drill-1')).toMatchObject({ exitCode: 2 });
  expect(await sites.must('drill', 'look')).toMatchObject({
    isolated: true,
    exists: true,
    epoch: null,
  });
  await sites.must('drill', 'provision', '--run', 'drill-1');
  for (const verb of ['save-config', 'backup', 'drain'])
    expect([verb, await sites.run('drill', verb)]).toEqual([
      verb,
      {
        exitCode: 2,
        json: null,
        problem: expect.stringMatching(/^an isolated site (never writes|has nobody to drain)/),
      },
    ]);
  expect(await sites.run('drill', 'fence', '2', 'b')).toMatchObject({ exitCode: 2 });
  expect(await sites.must('drill', 'teardown')).toEqual({ removed: true });
  expect(await sites.must('drill', 'teardown')).toEqual({ removed: false });
  expect(sites.effects).toEqual([
    'create aws_s3_bucket.files at terraform',
    'create kubernetes_namespace.site at terraform',
    'destroy terraform',
  ]);
  expect(sites.asked().filter((line) => line.includes('destroy'))).toEqual([
    'terraform -chdir=~/sites/drill/terraform destroy -input=false -auto-approve -no-color -lock-timeout=60s -var-file=~/sites/drill/site.tfvars',
  ]);
}, 120_000);

test('the example of a configuration is one', () => {
  const example = join(
    import.meta.dirname,
    '..',
    '..',
    'programs',
    'kubernetes-site',
    'site.example.yaml',
  );
  const { site, tiers, database } = readConfig(example);
  expect([site, tiers.api.chart, database.restoreJob]).toEqual([
    'b',
    join(example, '..', 'charts', 'api'),
    join(example, '..', 'restore-job.yaml'),
  ]);
  const job = jobFrom(join(example, '..', 'restore-job.example.yaml'), 'restore-1', {
    RESTORE_BACKUP: 'base-1',
    PGDATA: '/data',
  });
  expect(job).toMatchObject({
    metadata: { name: 'restore-1' },
    spec: {
      template: {
        spec: {
          containers: [
            {
              env: [
                { name: 'RESTORE_BACKUP', value: 'base-1' },
                { name: 'PGDATA', value: '/data' },
              ],
            },
          ],
        },
      },
    },
  });
});

test('a configuration that is wrong is refused in words, and so is a secret that others can read', async () => {
  const file = join(sites.folder, 'sites', 'b', 'site.yaml');
  const before = readFileSync(file, 'utf8');
  const wrong: [string, string, RegExp][] = [
    ['site: b', 'site: --all', /site: /],
    ['version: 17', 'version: seventeen', /database.version: /],
    ['release: shop-api', 'release: --kubeconfig=x', /tiers.api.release: is no name/],
    ['requests: 20', 'request: 20', /speed: Unrecognized key/],
    ['chart: ./charts/api', 'chart: --post-renderer=x', /tiers.api.chart: is no chart/],
  ];
  for (const [from, to, problem] of wrong) {
    writeFileSync(file, before.replace(from, to));
    expect(() => readConfig(file)).toThrow(problem);
  }
  expect(await sites.run('b', 'look')).toMatchObject({
    exitCode: 2,
    json: null,
    problem: expect.stringMatching(/tiers.api.chart: is no chart$/),
  });
  writeFileSync(file, before);
  const secret = join(sites.folder, 'secrets', 'pgpass');
  chmodSync(secret, 0o644);
  expect(() => mustBeKept(readConfig(file))).toThrow(/pgpass can be read by others: chmod 600/);
  expect((await sites.run('b', 'look')).exitCode).toBe(2);
  chmodSync(secret, 0o600);
  expect(await sites.run('b', 'dance')).toMatchObject({
    exitCode: 2,
    problem: expect.stringMatching(/^there is no dance: look, backups/),
  });
}, 60_000);
