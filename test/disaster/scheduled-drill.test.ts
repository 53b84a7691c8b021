import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RunSummary, RunView } from '../../common/view.js';
import type { ScheduleView } from '../../client/schedules.js';
import { proxyHere } from '../../lab/web-system/proxy.js';
import { withDatabase } from '../../lab/web-system/sites/database.js';
import { placesOf, vaultPlaces } from '../../lab/web-system/sites/site-config.js';
import { SiteSystem } from '../../lab/web-system/sites/system.js';
import type { Writer } from '../../lab/web-system/sites/writer-client.js';
import { catalogue } from '../../workflows/catalogue.js';
import type { DrillRecord } from '../../store/index.js';
import { programFolder } from '../../worker/config.js';
import { tell } from '../chaos/tell.js';
import { World } from '../cli/world.js';
import { testFolder } from '../helpers/folder.js';
import { recordHistory } from '../helpers/history.js';
import { until } from '../../lab/until.js';

/*
 * A drill that nobody starts: the schedule does, while production runs and users write. By the
 * command line, as an operator has it.
 */

const runbook = 'full-system-disaster-recovery';
const schedule = `drill-${process.pid}-${Date.now()}`;

let folder: string;
let system: SiteSystem;
let world: World;
let users: Writer;
beforeAll(async () => {
  folder = testFolder('runbook-drill-');
  const proxy = proxyHere();
  system = await SiteSystem.start(folder, { proxy, archiveTimeoutSeconds: 1 });
  const { from, drill, entrance } = system.targets;
  const targets = JSON.stringify({ targets: { 'site-a': from, 'site-drill': drill, entrance } });
  world = await World.start({
    module: join(programFolder, 'workflows', 'index.js'),
    catalogue,
    targets,
    processes: true,
  });
  users = system.startWriter({ journal: join(folder, 'journal.jsonl'), rate: 40 });
  await until('some writes', async () => (await users.report()).acknowledged > 40);
}, 120_000);
afterAll(async () => {
  await world?.cli(['schedule', 'delete', schedule]);
  users?.kill();
  await world?.stop();
  await system?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

interface Listed {
  id: string;
  lastDrill: DrillRecord | null;
  drillDue: boolean | null;
}
interface Checked {
  checks: { name: string; state: string; found: string }[];
}
const listed = async (): Promise<Listed | undefined> =>
  (await world.json<Listed[]>(['list'])).find(({ id }) => id === runbook);
const drillsCheck = async (): Promise<Checked['checks'][number] | undefined> =>
  (await world.json<Checked>(['doctor'], [0, 1])).checks.find(({ name }) => name === 'drills');

/**
 * What nobody writes while users do: rows of before, configuration, secrets, backups; by digest.
 * And whose turn it is.
 */
async function untouched(): Promise<Record<string, unknown>> {
  const places = placesOf(system.config('a'));
  const vault = vaultPlaces(system.vault);
  const rows = await withDatabase(system.databaseUrl('a'), (client) =>
    client.query<{ customers: string; system: string }>(
      `SELECT (SELECT md5(string_agg(c::text, ',' ORDER BY tenant, id)) FROM customers c WHERE id LIKE 's%') AS customers,
              (SELECT system_identifier::text FROM pg_control_system()) AS system`,
    ),
  );
  const { epoch, site } = await system.witness();
  const { servers } = await system.entrance.traffic.observe();
  return {
    rows: rows.rows,
    files: [places.config, places.secrets, places.instances, vault.base, vault.config].map(
      digestOf,
    ),
    writer: readFileSync(vault.writer, 'utf8'),
    histories: readdirSync(vault.wal).filter((name) => name.endsWith('.history')),
    ...{ epoch, site },
    entrance: servers.filter(({ weight }) => weight > 0).map(({ name }) => name),
  };
}

function digestOf(below: string): string {
  const hash = createHash('sha256');
  for (const entry of readdirSync(below, { recursive: true, withFileTypes: true }).filter((each) =>
    each.isFile(),
  ))
    hash
      .update(join(entry.parentPath, entry.name))
      .update(readFileSync(join(entry.parentPath, entry.name)));
  return hash.digest('hex');
}

test('a schedule drills the recovery while production runs: production untouched, the drill gone, time and loss recorded', async () => {
  expect(await listed()).toMatchObject({ lastDrill: null, drillDue: true });
  expect(await drillsCheck()).toMatchObject({
    state: 'warning',
    found: expect.stringContaining(`${runbook}: never; one is due`),
  });
  const before = await untouched();
  const written = await users.report();

  const inputs = ['from=site-a', 'to=site-drill', 'entrance=entrance'].flatMap((input) => [
    '--input',
    input,
  ]);
  const when = ['--every', '5s', '--drill', '--reason', 'quarterly drill'];
  const created = await world.cli(['schedule', 'create', schedule, runbook, ...when, ...inputs]);
  expect(created).toMatchObject({ code: 0, stdout: expect.stringContaining('created') });
  const schedules = await world.json<ScheduleView[]>(['schedule', 'list']);
  expect(schedules.find(({ id }) => id === schedule)).toMatchObject({ runbook, drill: true });
  const begun = await until('the schedule to start a drill', async () => {
    const [run] = await world.json<RunSummary[]>(['runs', '--runbook', runbook]);
    return run;
  });
  expect(await world.cli(['schedule', 'pause', schedule])).toMatchObject({ code: 0 });
  expect(begun).toMatchObject({ drill: true, requester: 'requester', reason: 'quarterly drill' });
  expect(await world.cli(['wait', begun.id, '--for', 'done', '--timeout', '120s'])).toMatchObject({
    code: 0,
  });
  const view = await world.json<RunView>(['status', begun.id]);
  expect(view).toMatchObject({
    ...{ state: 'succeeded', drill: true, problem: null },
    recovery: { met: true, services: { api: { met: true }, database: { met: true } } },
  });
  await recordHistory(
    world.client.workflow.getHandle(begun.id),
    'full-system-disaster-recovery, drill',
  );
  const skipped = ['declare', 'fence', 'page', 'cut-over', 'switch', 'after'];
  expect(view.steps.filter(({ id }) => skipped.includes(id)).map(({ state }) => state)).toEqual(
    skipped.map(() => 'not-needed'),
  );

  // Torn down, with nothing left of it, and nobody noticed.
  expect(existsSync(system.config('drill').folder)).toBe(false);
  expect(await untouched()).toEqual(before);
  const now = await users.stop();
  expect(now.acknowledged).toBeGreaterThan(written.acknowledged);
  expect({ unknown: now.unknown, by: Object.keys(now.byInstance) }).toEqual({
    unknown: written.unknown,
    by: ['a-api'],
  });
  const found = await system.compare(users.journal, 'a');
  expect({ lost: found.lost, wrong: found.wrong }).toEqual({ lost: [], wrong: [] });

  const { recovery } = view;
  // As if production had failed then: what was not archived yet would be lost.
  expect(recovery?.rpoMs).toBeGreaterThan(0);
  expect(await listed()).toMatchObject({
    lastDrill: {
      run: begun.id,
      state: 'succeeded',
      recovery: { rtoMs: recovery?.rtoMs, rpoMs: recovery?.rpoMs },
    },
    drillDue: false,
  });
  const shown = (await world.cli(['show', runbook])).stdout;
  expect(shown).toMatch(/last drill .* ago: well, RTO .* RPO /);
  expect(await drillsCheck()).toMatchObject({ state: 'ok' });
  tell(
    `scheduled drill: RTO ${recovery?.rtoMs} ms, RPO ${recovery?.rpoMs} ms; production ${now.acknowledged - written.acknowledged} writes, ` +
      `0 failed, 0 of ${found.acknowledged} lost`,
  );
}, 240_000);

test('a drill that is too long ago is due again', async () => {
  const old = `started_at - interval '100 days', ended_at = ended_at - interval '100 days'`;
  await withDatabase(world.databaseUrl, (client) =>
    client.query(`UPDATE runbook.runs SET started_at = ${old} WHERE drill`),
  );
  expect(await listed()).toMatchObject({ drillDue: true });
  expect((await world.cli(['list'])).stderr).toMatch(
    /is due for a drill\. The last one: 100 d ago: well, .*; one is due every 92 days/,
  );
  expect((await world.cli(['show', runbook])).stdout).toMatch(/last drill .*100 d ago: well/);
  expect(await drillsCheck()).toMatchObject({
    state: 'warning',
    found: expect.stringContaining('100 d ago: well'),
  });
}, 60_000);
