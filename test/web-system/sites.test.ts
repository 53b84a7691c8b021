import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { backupFolder } from '../../lab/web-system/sites/backup-file.js';
import { assess } from '../../lab/web-system/sites/backups.js';
import { restoreConfig } from '../../lab/web-system/sites/config-backup.js';
import { databaseState, withDatabase } from '../../lab/web-system/sites/database.js';
import { drain } from '../../lab/web-system/sites/drain.js';
import { fence } from '../../lab/web-system/sites/fence.js';
import { readJournal, type JournalEntry } from '../../lab/web-system/sites/journal.js';
import { provision, teardown } from '../../lab/web-system/sites/place.js';
import { restoreDatabase } from '../../lab/web-system/sites/restore-database.js';
import { placesOf, vaultPlaces } from '../../lab/web-system/sites/site-config.js';
import { startTier } from '../../lab/web-system/sites/tiers.js';
import {
  backupFaults,
  breakBackup,
  copyBackup,
  dropSegment,
  walSegments,
} from '../../lab/web-system/sites/vault-faults.js';
import type { Writer } from '../../lab/web-system/sites/writer-client.js';
import { until } from '../../lab/until.js';
import { Intruder, recoverAt, silent, startSites } from './two-sites.js';
import { ask } from './world.js';

/*
 * One story: site a under load, a drill beside it, then a is unreachable and fenced, its recovery
 * at b, its return, and the way back to a in good order.
 */
jest.setTimeout(180_000);

let sites: Awaited<ReturnType<typeof startSites>>;
let writer: Writer;
beforeAll(async () => {
  sites = await startSites({ leaseMs: 1_500, archiveTimeoutSeconds: 1 });
  writer = sites.system.startWriter({ journal: join(sites.folder, 'journal.jsonl'), rate: 20 });
  await until('some writes', async () => (await writer.report()).acknowledged > 40);
});
afterAll(async () => {
  writer?.kill();
  await sites?.end();
});

const acknowledgesMore = async (): Promise<void> => {
  const { acknowledged } = await writer.report();
  await until('more writes', async () => (await writer.report()).acknowledged > acknowledged + 10);
};
const usersGoTo = async (site: 'a' | 'b'): Promise<void> => {
  const { system } = sites;
  const servers = (['a', 'b'] as const).map((name) => ({
    name,
    address: new URL(system.apiUrl(name)).host,
    weight: name === site ? 100 : 0,
  }));
  await system.entrance.traffic.apply(servers);
  await acknowledgesMore();
};

describe('a backup that is', () => {
  const id = '20990101T000000.000Z';
  const problems: Record<(typeof backupFaults)[number], string> = {
    'one byte changed': 'checksum mismatch',
    truncated: 'has size',
    empty: 'it is empty',
    'of another version': 'it is of PostgreSQL',
    'too old': 'it is too old',
  };

  test.each(backupFaults)(
    '%s is refused before the place is touched, and another one chosen',
    async (fault) => {
      const { vault } = sites.system;
      const b = sites.system.config('b');
      const [good = ''] = readdirSync(vaultPlaces(vault).base).filter(
        (name) => !name.startsWith('.') && name !== id,
      );
      await copyBackup(vault, good, id);
      try {
        breakBackup(vault, id, fault);
        const { backups, chosen } = await assess(b, undefined, b.maxAgeSeconds);
        expect(backups.map(({ good: isGood }) => isGood)).toEqual([false, true]);
        expect(chosen).toBe(good);
        await provision(b, null);
        restoreConfig(b);
        const wanted = { backup: id, point: 'latest', run: null, maxAgeSeconds: b.maxAgeSeconds };
        await expect(restoreDatabase(b, wanted, silent)).rejects.toThrow(problems[fault]);
        expect(readdirSync(placesOf(b).database)).toEqual([]);
      } finally {
        rmSync(backupFolder(vault, id), { recursive: true });
      }
    },
  );
});

test('a place that another run prepared is left alone', async () => {
  await expect(sites.system.run('b', 'provision', '--run', 'another')).resolves.toMatchObject({
    exitCode: 2,
    problem: expect.stringContaining('was prepared by no run'),
  });
});

test('a drill recovers to a point in time beside the users, who notice nothing, and leaves nothing', async () => {
  const { system } = sites;
  const drill = system.config('drill');
  const at = new Date().toISOString();
  const before = await writer.report();
  await acknowledgesMore();
  await until(
    'the WAL to be archived',
    async () => ((await assess(drill, undefined, drill.maxAgeSeconds)).reachable?.to ?? '') > at,
    30_000,
    500,
  );
  const { database, files, timeline } = await recoverAt(system, 'drill', at);
  expect({ timeline, missing: files.missing }).toEqual({ timeline: 2, missing: [] });
  // All until then, and nothing after it.
  expect(Date.parse(database.lastCommit ?? '')).toBeLessThanOrEqual(Date.parse(at));
  const surelyAfter = new Date(Date.parse(at) + 1_000).toISOString();
  const after = readJournal(writer.journal).filter(
    (each) => each.outcome === 'acknowledged' && each.at > surelyAfter,
  );
  const { lost, wrong } = await system.compare(writer.journal, 'drill');
  expect(wrong).toEqual([]);
  expect(lost.length).toBeGreaterThan(0);
  expect(lost.filter((each) => each.at <= at)).toEqual([]);
  const writeOf = ({ kind, tenant, id, revision }: JournalEntry): string =>
    `${kind} ${tenant} ${id} ${revision}`;
  const gone = new Set(lost.map(writeOf));
  expect(after.length).toBeGreaterThan(0);
  expect(after.filter((each) => !gone.has(writeOf(each)))).toEqual([]);
  const written = await Intruder.start(system, 'drill');
  await until('a write at the drill', () => Promise.resolve(written.accepted > 0));
  await written.stop();
  expect(await teardown(drill)).toBe(true);
  expect(existsSync(drill.folder)).toBe(false);
  await acknowledgesMore();
  const { unknown, byInstance } = await writer.report();
  expect({ unknown, at: Object.keys(byInstance) }).toEqual({
    unknown: before.unknown,
    at: ['a-api'],
  });
  expect(
    readdirSync(vaultPlaces(system.vault).wal).filter((name) => name.endsWith('.history')),
  ).toEqual([]);
});

describe('a site that is unreachable', () => {
  let failedAt: number;
  let intruder: Intruder;

  test('and was not fenced accepts writes when it is back: what follows can be seen to fail', async () => {
    const { system } = sites;
    intruder = await Intruder.start(system, 'a');
    await until('writes past the entrance', () => Promise.resolve(intruder.accepted > 20));
    system.pauseSite('a');
    const { accepted } = intruder;
    system.resumeSite('a');
    await until('writes after it', () => Promise.resolve(intruder.accepted > accepted + 20));
    process.stderr.write(
      `writes accepted at a site that comes back without a fence: ${intruder.accepted - accepted}\n`,
    );
  });

  test('is recovered elsewhere up to the WAL that was archived', async () => {
    const { system } = sites;
    system.pauseSite('a');
    failedAt = Date.now();
    const fenced = await system.run('b', 'fence', '2', 'b');
    expect(fenced.json).toMatchObject({ epoch: 2, site: 'b', fencedAt: expect.any(String) });
    const again = await system.run('b', 'fence', '2', 'b');
    expect(again.json).toEqual(fenced.json);
    await expect(system.run('a', 'fence', '2', 'a')).resolves.toMatchObject({ exitCode: 2 });

    const { assessed, database, files } = await recoverAt(system, 'b');
    const reachable = Date.parse(assessed.reachable?.to ?? '');
    expect(database.lastCommit).toBe(assessed.reachable?.to);
    const compared = await system.compare(writer.journal, 'b', failedAt);
    expect(compared.wrong).toEqual([]);
    const contentLost = new Set(files.missing.map(({ tenant, name }) => `${tenant}/${name}`));
    const unexplained = compared.lost.filter(
      ({ at, tenant, id }) => Date.parse(at) <= reachable && !contentLost.has(`${tenant}/${id}`),
    );
    expect(unexplained).toEqual([]);
    expect(compared.there).toBeGreaterThan(40);
    process.stderr.write(
      `${compared.acknowledged} acknowledged, ${compared.lost.length} lost, RPO ${compared.rpoMs} ms\n`,
    );
  });

  test('accepts nothing when it is back, neither over its API nor in its database', async () => {
    const { system } = sites;
    const { refused } = intruder;
    system.resumeSite('a');
    await until('refusals', () => Promise.resolve(intruder.refused > refused + 20));
    await until(
      'the database to be a standby',
      async () => (await databaseState(system.config('a'))) === 'standby',
    );
    await intruder.stop();
    process.stderr.write(
      `writes accepted at a site that comes back after it was fenced: ${intruder.acceptedSince(failedAt)}\n`,
    );
    expect(intruder.acceptedSince(failedAt)).toBe(0);
  });

  test('is read-only when it is started again from its folder', async () => {
    const { system } = sites;
    await system.cutPower('a');
    const a = system.config('a');
    expect(await startTier(a, 'database', undefined)).toMatchObject({ role: 'standby' });
    await startTier(a, 'api', undefined);
    expect((await ask(system.apiUrl('a'), '/ready')).json).toMatchObject({ writes: false });
    const back = await Intruder.start(system, 'a');
    await until('refusals', () => Promise.resolve(back.refused > 20));
    await back.stop();
    expect(back.accepted).toBe(0);
    const insert = `INSERT INTO tenants (id, name) VALUES ('direct', 'direct')`;
    await expect(
      withDatabase(system.databaseUrl('a'), (client) => client.query(insert)),
    ).rejects.toThrow('read-only transaction');
    await expect(system.run('a', 'promote')).resolves.toMatchObject({ exitCode: 2 });
  });
});

test('a site that is drained first loses nothing on the way to another', async () => {
  const { system } = sites;
  await usersGoTo('b');
  await expect(system.run('b', 'teardown')).resolves.toMatchObject({
    exitCode: 2,
    problem: expect.stringContaining('holds epoch 2'),
  });
  const b = system.config('b');
  const drained = await drain(b, silent);
  const failedAt = Date.now();
  const { acknowledged } = await writer.report();
  expect(await teardown(system.config('a'))).toBe(true);
  await fence(b, 3, 'a');
  const { database, files } = await recoverAt(system, 'a');
  expect(database.lastCommit).toBe(drained.lastCommit);
  expect(files).toMatchObject({ missing: [], wrong: [] });
  expect((await writer.report()).acknowledged).toBe(acknowledged);
  // What was lost with the first failure is not in anybody's database any more.
  const compared = await system.compare(writer.journal, 'a', failedAt);
  const atB = readFileSync(writer.journal, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"by":"b-api"')).length;
  expect(atB).toBeGreaterThan(10);
  expect(compared.lost.filter(({ by }) => by === 'b-api')).toEqual([]);
  expect(compared.wrong).toEqual([]);
  await usersGoTo('a');
});

test('a missing segment limits what can be reached, and is named', async () => {
  const { system } = sites;
  const a = system.config('a');
  const { json } = await system.run('a', 'monitor');
  const backup = String(json?.['backup']);
  await acknowledgesMore();
  const segmentAfter = async (name: string) =>
    until('a segment', () =>
      Promise.resolve(walSegments(system.vault).find((each) => each > name)),
    );
  const whole = await assess(a, undefined, a.maxAgeSeconds);
  const dropped = await segmentAfter(whole.wal.to ?? '');
  await segmentAfter(await segmentAfter(dropped));
  dropSegment(system.vault, dropped);
  const assessed = await assess(a, undefined, a.maxAgeSeconds);
  expect(assessed).toMatchObject({
    chosen: backup,
    wal: { to: whole.wal.to, missing: [dropped] },
    lost: expect.stringContaining(dropped),
    reachable: { to: whole.reachable?.to },
  });
  await writer.stop();
});
