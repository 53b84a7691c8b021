import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { RunView } from '../../common/view.js';
import { Proxy, proxyMissing } from '../../examples/web-system/proxy.js';
import { programFolder } from '../../worker/config.js';
import { tell } from '../chaos/tell.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../helpers/until.js';
import { CloudSites } from './world.js';

/*
 * The shipped runbook with the shipped program for Kubernetes: worker, server, record and entrance are real, the cloud stands in, and dies
 * half-way of several calls. What every verb asks of the cloud is what the stand-ins recorded on the way.
 */

let sites: CloudSites;
let engine: Engine;
let entrance: Proxy;
let users: NodeJS.Timeout;

beforeAll(async () => {
  sites = await CloudSites.start();
  await sites.seed();
  const proxy = proxyMissing('haproxy') ? 'caddy' : 'haproxy';
  entrance = await Proxy.start(proxy, join(sites.folder, 'entrance'), { slots: ['a', 'b', 'page'] });
  await entrance.traffic.apply([{ name: 'a', address: sites.address('a'), weight: 100 }]);
  const site = (name: 'a' | 'b') => ({ kind: 'site', environment: 'test', facts: { program: sites.program(name), site: name } });
  const servers = Object.fromEntries((['a', 'b', 'page'] as const).map((name) => [`server.${name}`, sites.address(name)]));
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
    const view = await until('the run to ask or to end', async () => {
      const now = await engine.status(run).catch(() => undefined);
      return now && (now.endedAt !== null || now.waitingFor.length > 0) ? now : undefined;
    });
    const [wait] = view.waitingFor;
    if (!wait) return engine.ended(run);
    if (wait.kind !== 'approval') return view;
    const verdict = await engine.send(run, await engine.decision(run, { confirm: 'b' }));
    if (!verdict.accepted) throw new Error(verdict.message);
  }
}

/** What a step asked of the cloud, without the addresses that every call has. */
function asked(step: string): string[] {
  return sites.calls
    .filter(({ env }) => env['RUNBOOK_STEP'] === step)
    .map(({ tool, argv }) =>
      [tool, ...argv]
        .join(' ')
        .replaceAll(sites.folder, '~')
        .replace(' --kubeconfig=~/kubeconfig', '')
        .replace(/ --request-timeout=30s/, '')
        .replace(' --no-psqlrc --no-password --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1', ''),
    );
}

test('a site that is lost is recovered in Kubernetes, though the cloud dies half-way again and again', async () => {
  await sites.keeper('b');
  sites.lose('a');
  sites.fault('aws', 'base.tar', 7);
  sites.fault('terraform', 'apply', 'half');
  sites.fault('kubectl', 'apply --server-side --force-conflicts --field-manager=site-program --filename=- --kubeconfig', 'after');
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
  tell(`${sites.calls.length} calls`);
  const steps = [...new Set(sites.calls.map(({ env }) => env['RUNBOOK_STEP']))];
  writeFileSync('/tmp/h/asked.json', JSON.stringify([view, Object.fromEntries(steps.map((step) => [step, asked(step ?? '')])), sites.effects, sites.faultsLeft], null, 1));
}, 240_000);
