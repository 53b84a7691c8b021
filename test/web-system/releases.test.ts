import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { appendFileSync, cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checksumOf } from '../../lab/web-system/app/customers.js';
import { livesStill } from '../../lab/web-system/app/owner.js';
import { stopInstance } from '../../lab/web-system/instances.js';
import { Load } from '../../lab/web-system/load-client.js';
import type { Failure } from '../../lab/web-system/load-report.js';
import { checkSchema, migrate } from '../../lab/web-system/migrations.js';
import {
  artefactProblems,
  publishRelease,
  readManifest,
  release,
} from '../../lab/web-system/releases.js';
import { until } from '../../lab/until.js';
import { ask, World } from './world.js';

/*
 * The little system that deployments are proved on must itself be honest: releases that work
 * together while both run, and bad ones that are bad in the way they say.
 */
type Row = Record<string, unknown>;

let world: World;
beforeAll(async () => {
  world = await World.make('web_releases');
});
afterAll(() => world?.end());

const customer = { id: 'c1', name: 'Ada King Lovelace', revision: 7 };
const path = '/tenants/acme/customers/c1';

describe('artefacts', () => {
  const copyOf = (version: string): string => {
    const copy = join(world.system.folder, 'copy');
    rmSync(copy, { recursive: true, force: true });
    cpSync(join(world.system.releases, version), copy, { recursive: true });
    return copy;
  };

  test('one is what its manifest says, with change log and migrations', () => {
    const artefact = join(world.system.releases, '2.0.0');
    const manifest = readManifest(artefact);
    expect(artefactProblems(artefact, manifest.digest)).toEqual([]);
    expect(manifest).toMatchObject({
      version: '2.0.0',
      migrations: {
        expand: ['0201-columns.sql', '0202-keep-in-step.sql', '0203-backfill.sql'],
        contract: [],
        undo: ['0201-columns.sql'],
      },
    });
    expect(manifest.digest).not.toBe(readManifest(join(world.system.releases, '3.0.0')).digest);
  });

  test.each<[string, (copy: string) => void, string]>([
    [
      'a byte more in a program',
      (copy) => appendFileSync(join(copy, 'app/server.js'), ' '),
      'app/server.js was changed',
    ],
    [
      'a file that is missing',
      (copy) => rmSync(join(copy, 'migrations/undo/0201-columns.sql')),
      'migrations/undo/0201-columns.sql is missing',
    ],
    [
      'a file that was added',
      (copy) => writeFileSync(join(copy, 'app/more.js'), ''),
      'app/more.js was added',
    ],
    ['no change log', (copy) => rmSync(join(copy, 'CHANGELOG.md')), 'there is no change log'],
    ['nothing at all', (copy) => rmSync(copy, { recursive: true }), 'there is no artefact'],
  ])('%s is found', (_, harm, problem) => {
    const copy = copyOf('2.0.0');
    harm(copy);
    expect(artefactProblems(copy).join()).toContain(problem);
  });

  test('another digest than the announced one is found', () => {
    expect(artefactProblems(join(world.system.releases, '2.0.0'), 'sha256:0')).toEqual([
      expect.stringContaining('announced was sha256:0'),
    ]);
  });
});

describe('an instance', () => {
  test('says that it lives, that it is ready, what it is, and what it counted', async () => {
    const { url } = await world.start('1.0.0');
    expect((await ask(url, '/health')).status).toBe(200);
    expect((await ask(url, '/ready')).status).toBe(200);
    expect((await ask(url, '/version')).json).toMatchObject({ version: '1.0.0', instance: 'one' });
    const written = await ask(url, path, 'PUT', customer);
    const right = {
      tenant: 'acme',
      ...customer,
      checksum: checksumOf('acme', customer),
      release: '1.0.0',
    };
    expect(written.status).toBe(200);
    expect((await ask(url, path)).json).toEqual(right);
    expect(written.json).toEqual(right);
    const { text } = await ask(url, '/metrics');
    expect(text).toContain('http_requests_total{release="1.0.0",instance="one",status="200"} 2');
    expect(text).toMatch(/http_request_duration_seconds_bucket\{.*le="\+Inf"\} 2/);
    expect(Number(/process_resident_memory_bytes\{.*\} (\d+)/.exec(text)?.[1])).toBeGreaterThan(
      10_000_000,
    );
    await stopInstance(world.system, 'one');
  });

  test.each([
    ['an unknown tenant', 404, '/tenants/nobody/customers/c1', 'PUT', customer],
    ['an unknown customer', 404, '/tenants/acme/customers/nobody', 'GET', undefined],
    ['a customer without a name', 422, path, 'PUT', { revision: 1 }],
    [
      'an order of nobody',
      404,
      '/tenants/acme/orders/o1',
      'POST',
      { customer: 'nobody', amount: 1 },
    ],
    ['an unknown path', 404, '/tenants', 'GET', undefined],
  ])('refuses %s with %i', async (_, status, to, method, body) => {
    const { url } = await world.running('1.0.0', 'refuses');
    expect((await ask(url, to, method, body)).status).toBe(status);
  });

  test('told to stop it is not ready any more, finishes what it began, closes its connections, and ends', async () => {
    const { url, process: id } = await world.start('1.0.0');
    const load = Load.start({ url, connections: 2, rate: 100, seconds: 20 });
    await until('some requests', async () => (await load.report()).requests > 20);
    const ended = stopInstance(world.system, 'one');
    await until(
      'it to say that it stops',
      async () => (await ask(url, '/ready').catch(() => undefined))?.status === 503,
      5_000,
      5,
    );
    const answer = await ask(url, '/health');
    expect(answer.headers.get('connection')).toBe('close');
    expect(await ended).toBe('stopped');
    expect(livesStill(id)).toBe(false);
    // Who still asks afterwards finds nobody, or was about to be let in; no request on an open
    // connection was broken off.
    await until('users to find nobody', async () => (await load.report()).failures > 0);
    const { failed } = await load.stop();
    const nobody = ({ error, requestOnConnection }: Failure): boolean =>
      error.includes('ECONNREFUSED') || (error.includes('ECONNRESET') && requestOnConnection === 1);
    expect(failed.filter((failure) => !nobody(failure))).toEqual([]);
  });
});

describe('the schema, from release 1 to 3', () => {
  const names = () =>
    world.query(
      async (client) =>
        (
          await client.query<Row>('SELECT * FROM customers WHERE tenant = $1 AND id = $2', [
            'acme',
            's7',
          ])
        ).rows[0],
    );
  const works = async (version: string) => (await checkSchema(world.system, version)).json;

  test('before release 2 has expanded it only release 1 works', async () => {
    expect(await works('1.0.0')).toMatchObject({ works: true });
    expect(await works('2.0.0')).toMatchObject({
      works: false,
      problem: expect.stringContaining('given_name'),
    });
  });

  test('expanded, releases 1 and 2 work side by side, and each sees what the other one wrote', async () => {
    expect(await world.migrated('2.0.0', 'expand')).toHaveLength(3);
    expect(await world.migrated('2.0.0', 'expand')).toEqual([]);
    expect(await names()).toMatchObject({
      full_name: 'Given7 van Family7',
      given_name: 'Given7',
      family_name: 'van Family7',
    });
    const [one, two] = [await world.start('1.0.0', 'old'), await world.start('2.0.0', 'new')];
    for (const [writer, reader, revision] of [
      [one, two, 1],
      [two, one, 2],
      [one, two, 3],
    ] as const) {
      const now = { id: 'side', name: `Name${revision} of ${writer.version}`, revision };
      await ask(writer.url, '/tenants/globex/customers/side', 'PUT', now);
      expect((await ask(reader.url, '/tenants/globex/customers/side')).json).toMatchObject(now);
    }
    await Promise.all(['old', 'new'].map((name) => stopInstance(world.system, name)));
  });

  test('undone, release 1 goes on with what release 2 wrote, and it can be expanded again', async () => {
    expect(await world.migrated('2.0.0', 'undo')).toEqual(['0201-columns.sql']);
    expect(await world.migrated('2.0.0', 'undo')).toEqual([]);
    expect(await works('1.0.0')).toMatchObject({ works: true });
    const rows = await world.query(
      async (client) =>
        (await client.query<Row>(`SELECT full_name FROM customers WHERE id = 'side'`)).rows,
    );
    expect(rows).toEqual([{ full_name: 'Name3 of 1.0.0' }]);
    await world.migrated('2.0.0', 'expand');
  });

  test('undone, a release leaves what another one did before it: the running release may need it', async () => {
    publishRelease(world.system.releases, release('2.0.1', 2));
    expect(await world.migrated('2.0.1', 'expand')).toEqual([]);
    expect(await world.migrated('2.0.1', 'undo')).toEqual([]);
    expect(await works('2.0.0')).toMatchObject({ works: true });
  });

  test('an expand migration that is none is told by the check of the running release', async () => {
    await world.migrated('3.0.1-unsafe-expand', 'expand');
    expect(await works('2.0.0')).toMatchObject({
      works: false,
      problem: expect.stringContaining('full_name'),
    });
    await world.migrated('3.0.1-unsafe-expand', 'undo');
    expect(await works('2.0.0')).toMatchObject({ works: true });
  });

  /**
   * The longest wait of a user, in ms, while a migration waits for a second for a transaction that
   * reads the table.
   */
  async function waitDuring(lockTimeout: string) {
    await world.migrated('3.0.0', 'undo');
    const { url } = await world.running('2.0.0', 'beside');
    return world.query(async (client) => {
      await client.query('BEGIN');
      await client.query('SELECT count(*) FROM customers');
      const load = Load.start({ url, connections: 4, rate: 80, seconds: 20 });
      await until('users', async () => (await load.report()).requests > 10);
      const waiting = migrate(
        world.system,
        '3.0.0',
        'expand',
        '--attempts',
        '50',
        '--lock-timeout',
        lockTimeout,
        '--pause',
        '200',
      );
      await until(
        'the migration to want the table',
        async () =>
          (
            await client.query(
              `SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'customers'::regclass`,
            )
          ).rowCount,
        60_000,
        20,
      );
      await client.query('SELECT pg_sleep(1)');
      await client.query('COMMIT');
      expect((await waiting).json).toMatchObject({
        done: ['0301-names-are-there.sql', '0302-validate.sql'],
      });
      const { failed, max } = await load.stop();
      expect(failed).toEqual([]);
      return max ?? 0;
    });
  }

  test('a long transaction on the table keeps the migration waiting, and users do not queue behind it', async () => {
    const [long, short] = [await waitDuring('30000'), await waitDuring('150')];
    process.stderr.write(
      `a user waited ${long} ms at most without a short lock time-out, ${short} ms with it\n`,
    );
    expect(long).toBeGreaterThan(500);
    expect(short).toBeLessThan(500);
  });

  test('a migration that never gets its lock gives up, and says so by its exit code', async () => {
    await world.migrated('3.0.0', 'undo');
    await world.query(async (client) => {
      await client.query('BEGIN');
      await client.query('SELECT count(*) FROM customers');
      const given = await migrate(
        world.system,
        '3.0.0',
        'expand',
        '--attempts',
        '2',
        '--lock-timeout',
        '100',
        '--pause',
        '50',
      );
      expect(given).toMatchObject({
        exitCode: 75,
        problem: expect.stringContaining('lock timeout'),
      });
    });
    await world.migrated('3.0.0', 'expand');
  });

  test('contracted, release 3 works and release 2 does not, and there is no way back', async () => {
    expect(await works('3.0.0')).toMatchObject({ works: true });
    expect(await world.migrated('3.0.0', 'contract')).toEqual(['0311-full-name-goes.sql']);
    expect(await works('3.0.0')).toMatchObject({ works: true });
    expect(await works('2.0.0')).toMatchObject({ works: false });
    expect(await migrate(world.system, '3.0.0', 'undo')).toMatchObject({
      exitCode: 1,
      problem: expect.stringContaining('no way back'),
    });
  });
});
