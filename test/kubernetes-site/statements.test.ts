import { mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findPostgres } from '../../embedded/binaries.js';
import { cacheFolder } from '../../embedded/home.js';
import { Database, statements } from '../../programs/kubernetes-site/database.js';
import { findTerraform } from '../../lab/kubernetes/programs.js';
import { provision, resources, teardown } from '../../programs/kubernetes-site/infrastructure.js';
import { readConfig, type SiteConfig } from '../../programs/kubernetes-site/config.js';
import { call } from '../../programs/kubernetes-site/tools.js';
import { createTestDatabase } from '../helpers/database.js';
import { CloudSites } from './world.js';

/*
 * The real psql against a real PostgreSQL, and the real terraform (or OpenTofu) where there is one:
 * they take what the program tells them.
 */

let folder: string;
let database: Database;
let close: () => Promise<unknown>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'runbook-psql-'));
  const made = await createTestDatabase('site');
  close = () => made.drop();
  const url = new URL(made.url);
  const passwordFile = join(folder, 'pgpass');
  writeFileSync(passwordFile, `*:*:*:*:${decodeURIComponent(url.password)}\n`, { mode: 0o600 });
  const programs = dirname(
    realpathSync(join(await findPostgres(cacheFolder(), () => undefined), 'postgres')),
  );
  const address = {
    host: url.hostname,
    port: Number(url.port),
    user: url.username,
    name: url.pathname.slice(1),
  };
  const config = { ...address, passwordFile, sslmode: 'disable' } as SiteConfig['database'];
  database = new Database({ programs: { psql: join(programs, 'psql') }, database: config });
}, 60_000);
afterAll(async () => {
  await close?.();
  await rm(folder, { recursive: true, force: true });
});

test('PostgreSQL takes every statement of the program', async () => {
  // Only a server that tracks commit timestamps answers it.
  const state = await database.state().catch((error: Error) => error.message);
  if (typeof state === 'string') expect(state).toMatch(/could not get commit timestamp data/);
  else
    expect(state).toMatchObject({
      role: 'primary',
      systemIdentifier: expect.stringMatching(/^\d+$/),
    });
  // A primary has no answer; every name in it is there.
  expect(
    await database.rows('replay', statements.replay).catch((error: Error) => error.message),
  ).toBeDefined();
  expect(Object.keys(statements)).toEqual([
    'state',
    'replay',
    'pause',
    'promote',
    'checkpoint',
    'switchWal',
    'writing',
  ]);
  await database.pause();
  await database.promote();
  expect(await database.writing()).toBeGreaterThanOrEqual(0);
  expect(await database.switchWal()).toMatchObject({
    segment: expect.stringMatching(/^[0-9A-F]{24}$/),
    lsn: expect.stringMatching(/^[0-9A-F]+\//),
  });
}, 60_000);

test('queries of the configuration are asked as they stand', async () => {
  expect(
    await database.rows(
      'tenants',
      `SELECT 'it''s' AS tenant, 3 AS orders UNION ALL SELECT 'globex', 4;`,
    ),
  ).toEqual([
    { tenant: "it's", orders: 3 },
    { tenant: 'globex', orders: 4 },
  ]);
  expect(await database.rows('tenants', 'SELECT 1 WHERE false')).toEqual([]);
  expect(await database.found('query 1', 'SELECT generate_series(1, 7)')).toBe(7);
  expect(await database.count('waiting', 'SELECT 5')).toBe(5);
  await expect(database.found('query 2', 'SELECT * FROM no_such_table')).rejects.toThrow(
    /^psql: ERROR: +relation "no_such_table" does not exist/,
  );
}, 60_000);

const terraform = findTerraform();
(terraform === undefined ? test.skip : test)(
  'the real terraform makes what it is told, finishes what it had begun, and takes it away',
  async () => {
    const sites = await CloudSites.start();
    try {
      const config = readConfig(join(sites.folder, 'sites', 'drill', 'site.yaml'));
      const own = {
        ...config,
        programs: { terraform: terraform ?? '', kubectl: join(sites.folder, 'bin', 'kubectl') },
      };
      const below = join(sites.folder, 'sites', 'drill', 'terraform', 'main.tf');
      const resource = (name: string): string =>
        `resource "terraform_data" "${name}" { input = var.site }\n`;
      writeFileSync(below, `variable "site" {}\n${resource('first')}`);
      const vars = join(sites.folder, 'sites', 'drill', 'site.tfvars');
      writeFileSync(vars, 'site = "drill"\n');
      expect(await resources(own)).toEqual([]);
      await sites.kubectl('drill', 'create', {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'shop' },
      });
      expect(await provision(own, 'drill-1')).toEqual({ resources: 1, namespace: 'shop' });
      writeFileSync(below, `variable "site" {}\n${resource('first')}${resource('second')}`);
      expect(await provision(own, 'drill-1')).toEqual({ resources: 2, namespace: 'shop' });
      await expect(provision(own, 'drill-2')).rejects.toThrow(/prepared by drill-1/);
      expect(await resources(own)).toEqual(['terraform_data.first', 'terraform_data.second']);
      expect(await teardown(own)).toEqual({ removed: true });
      expect(await teardown(own)).toEqual({ removed: false });
      await expect(
        call(own, 'terraform', ['-chdir=/nowhere', 'init'], { seconds: 30 }),
      ).rejects.toThrow(/^terraform init: .*no such file/);
    } finally {
      await sites.stop();
    }
  },
  120_000,
);
