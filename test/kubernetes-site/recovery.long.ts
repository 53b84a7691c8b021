import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { RunView } from '../../common/view.js';
import { Proxy, proxyHere } from '../../lab/web-system/proxy.js';
import { programFolder } from '../../worker/config.js';
import { tell } from '../chaos/tell.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';
import { askedByStep, inNoOrder } from './asked.js';
import { CloudSites, secrets } from './world.js';

/*
 * The shipped runbook with the shipped program for Kubernetes: worker, server, record and entrance
 * are real, the cloud stands in, and dies half-way of several calls. What every verb asks of the
 * cloud is what the stand-ins recorded on the way.
 */

/** Once each. */
const done = [
  'copy to shop-files-b/acme/logo.png',
  'copy to shop-files-b/acme/terms.pdf',
  'copy to shop-files-b/globex/logo.png',
  'create aws_s3_bucket.files at terraform',
  'create kubernetes_namespace.site at terraform',
  'job backup-of-epoch-2 at b',
  'job restore-DIGEST at b',
  'promote db-b',
  ...['scale a/api to 0', 'scale a/database to 0', 'scale a/frontend to 0', 'scale a/worker to 0'],
  // Its first installation died before anything of it was there.
  'uninstall shop-api',
  ...['upgrade shop-api to revision 1', 'upgrade shop-database to revision 1'],
  ...['upgrade shop-frontend to revision 1', 'upgrade shop-worker to revision 1'],
];

let sites: CloudSites;
let engine: Engine;
let entrance: Proxy;
let users: NodeJS.Timeout;

beforeAll(async () => {
  sites = await CloudSites.start();
  await sites.seed();
  const proxy = proxyHere();
  entrance = await Proxy.start(proxy, join(sites.folder, 'entrance'), {
    slots: ['a', 'b', 'page'],
  });
  await entrance.traffic.apply([{ name: 'a', address: sites.address('a'), weight: 100 }]);
  const site = (name: 'a' | 'b') => ({
    kind: 'site',
    environment: 'test',
    facts: { program: sites.program(name), site: name },
  });
  const servers = Object.fromEntries(
    (['a', 'b', 'page'] as const).map((name) => [`server.${name}`, sites.address(name)]),
  );
  const facts = { ...entrance.facts, ...servers };
  const targets = {
    'site-a': site('a'),
    'site-b': site('b'),
    entrance: { kind: 'web-service', environment: 'test', http: { address: entrance.url }, facts },
  };
  engine = await Engine.start({
    procedures: join(programFolder, 'workflows', 'index.js'),
    targets: JSON.stringify({ targets }),
  });
  users = setInterval(
    () =>
      void fetch(entrance.url)
        .then((response) => response.arrayBuffer())
        .catch(() => undefined),
    25,
  );
}, 180_000);
afterAll(async () => {
  clearInterval(users);
  await engine?.stop();
  await entrance?.stop();
  await sites?.stop();
});

/** Approves the gates that it asks at. */
async function approved(run: WorkflowHandle): Promise<RunView> {
  for (;;) {
    // It is some two hundred calls, each a process.
    const view = await until(
      'the run to ask or to end',
      async () => {
        const now = await engine.status(run).catch(() => undefined);
        return now && (now.endedAt !== null || now.waitingFor.length > 0) ? now : undefined;
      },
      200_000,
    );
    const [wait] = view.waitingFor;
    if (!wait) return engine.ended(run);
    if (wait.kind !== 'approval') return view;
    // It runs beside the database of the new site.
    if (wait.id === 'cut-over') await sites.keeper('b');
    const verdict = await engine.send(run, await engine.decision(run, { confirm: 'b' }));
    if (!verdict.accepted) throw new Error(verdict.message);
  }
}

async function serving(): Promise<string[]> {
  return (await entrance.traffic.observe()).servers
    .filter(({ weight }) => weight > 0)
    .map(({ name }) => name);
}

/** All bytes of a run's history, as text. */
async function historyOf(run: WorkflowHandle): Promise<string> {
  const { events } = await run.fetchHistory();
  return JSON.stringify(events, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
  );
}

/** All that the record says. */
async function recordOf(id: string): Promise<string> {
  const { rows: tables } = await engine.pool.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'runbook' AND table_type = 'BASE TABLE'`,
  );
  const texts = [];
  for (const { name } of tables) {
    const { rows } = await engine.pool.query<{ text: string }>(
      `SELECT row::text AS text FROM runbook.${name} AS row`,
    );
    texts.push(
      ...rows.map(({ text }) =>
        text.replace(/\\\\x((?:[0-9a-f]{2})+)/g, (_, hex: string) =>
          Buffer.from(hex, 'hex').toString('latin1'),
        ),
      ),
    );
  }
  return [id, ...texts].join('\n');
}

test('a site that is lost is recovered in Kubernetes, though the cloud dies half-way again and again', async () => {
  sites.lose('a');
  sites.fault('aws', 'base.tar', 7);
  sites.fault('terraform', 'apply', 'half');
  sites.fault(
    'kubectl',
    'apply --server-side --force-conflicts --field-manager=site-program --filename=- --kubeconfig',
    'after',
  );
  sites.fault('aws', 'copy-object', 'after');
  sites.fault('helm', 'upgrade shop-api', 'half');
  sites.fault('helm', 'upgrade shop-worker', 'after');
  sites.fault('psql', 'pg_promote', 'after');
  const inputs = {
    ...{ from: 'site-a', to: 'site-b', entrance: 'entrance' },
    ...{ watch: '1s', window: '1s', min_requests: 5, max_error_rate: 0.05 },
  };
  const envelope = engine.envelope('full-system-disaster-recovery', inputs);
  const run = await engine.client.workflow.start('full-system-disaster-recovery', {
    workflowId: envelope.run,
    taskQueue: engine.taskQueue,
    args: [envelope],
  });
  const view = await approved(run);
  expect(view).toMatchObject({ state: 'succeeded', problem: null });
  expect(await serving()).toEqual(['b']);

  // Each of the seven has died once, and every step was finished by the next attempt.
  expect(sites.faultsLeft).toBe(0);
  const again = view.steps
    .filter(({ attempts, kind }) => kind === 'command' && attempts > 1)
    .map(({ id }) => id);
  expect(again.sort()).toEqual([
    'configuration',
    'files',
    'provision/place',
    'tiers/api/start',
    'tiers/promote',
    'tiers/worker/start',
  ]);
  expect(sites.effects.filter((effect, at) => sites.effects.indexOf(effect) !== at)).toEqual([]);
  expect(sites.effects.map((effect) => effect.replace(/[0-9a-f]{16}/, 'DIGEST')).sort()).toEqual(
    done,
  );
  tell(
    `recovered in Kubernetes with 7 calls that died half-way: ${view.state}, ${sites.calls.length} calls, ${sites.effects.length} effects, 0 twice`,
  );

  for (const [step, wanted] of Object.entries(askedByStep)) {
    const asked = sites.asked(step);
    const seen =
      step === 'files'
        ? asked.filter((line) => line.startsWith('aws'))
        : asked.filter((line, at) => line !== asked[at - 1] || !line.includes('replay'));
    expect([step, ...(inNoOrder.includes(step) ? seen.sort() : seen)]).toEqual([step, ...wanted]);
  }

  const places = {
    'arguments and environment': JSON.stringify(sites.calls),
    history: await historyOf(run),
    record: await recordOf(run.workflowId),
  };
  const [, token = ''] =
    Buffer.from(secrets.application)
      .toString('base64')
      .match(/^(.*?)=*$/) ?? [];
  const key = readFileSync(join(sites.folder, 'secrets', 'key'), 'utf8');
  for (const [place, text] of Object.entries(places)) {
    // Something of the recovery is there: the search finds what is to be found.
    expect([place, /shop-store|promote/.test(text)]).toEqual([place, true]);
    for (const secret of [...Object.values(secrets), token, key])
      expect([place, text.includes(secret)]).toEqual([place, false]);
  }
  expect(
    readFileSync(join(sites.folder, 'state', 'kube', 'b', 'shop', 'secret', 'shop.json'), 'utf8'),
  ).toContain(token);
}, 300_000);
