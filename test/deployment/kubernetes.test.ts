import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Cluster } from '../../lab/kubernetes/cluster.js';
import { kubernetesMissing } from '../../lab/kubernetes/programs.js';
import { until } from '../../lab/until.js';
import { tell } from '../chaos/tell.js';
import { ClusterWorld, type Shop } from './cluster-world.js';

/*
 * The shipped runbook against a real API server with its controllers; only the node is played. It
 * acts with the rights of deploy/kubernetes/role.yaml and no others.
 */
const here = kubernetesMissing() ? describe.skip : describe;

here('zero-downtime-deployment on Kubernetes', () => {
  let folder: string;
  let cluster: Cluster;
  let world: ClusterWorld;
  const names = [
    ...[
      'good',
      'canary',
      'never-ready',
      'crashes',
      'later',
      'forwards',
      'moment',
      'backwards',
      'refused',
    ],
    ...[
      'killed-before-set',
      'killed-after-set',
      'killed-in-status',
      'killed-before-undo',
      'killed-after-undo',
    ],
  ];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'runbook-cluster-'));
    cluster = await Cluster.start(folder);
    world = await ClusterWorld.start(cluster, names);
  }, 180_000);
  afterAll(async () => {
    await world?.stop();
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  const pods = (tag: string, count = 4): string[] => Array.from({ length: count }, () => tag);

  test('a good release: pods are replaced one by one, none is missing meanwhile', async () => {
    const shop = world.shop('good');
    const sample = await shop.sample();
    const run = await world.deploy(shop, '2.0.0');
    const view = await world.ended(run);
    await sample.stop();
    tell(
      `good release: at least ${sample.least()} of 4 pods available in ${sample.count()} changes of the Deployment`,
    );
    expect(view).toMatchObject({ state: 'succeeded', problem: null });
    expect(await shop.podTags()).toEqual(pods('2.0.0'));
    expect(sample.least()).toBe(4);
    expect(sample.count()).toBeGreaterThan(4);
    const { metadata } = await shop.found();
    expect(metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '2',
      'kubernetes.io/change-cause': `2.0.0, run ${run.workflowId}`,
    });
    expect(await world.ended(await world.deploy(shop, '2.0.0'))).toMatchObject({
      state: 'failed',
      problem: { message: 'deployment shop runs version 2.0.0 already' },
    });
  }, 120_000);

  test('an image that never becomes ready is undone within its deadline, and the old pods serve all the time', async () => {
    const cases: [string, RegExp][] = [
      [
        'never-ready',
        /not all pods of shop are ready after 8 s: 4 of 4 are available \(shop-\w+-\w+: ImagePullBackOff\)/,
      ],
      ['crashes', /not all pods of shop are ready after 8 s: .*CrashLoopBackOff after 3 restarts/],
    ];
    await Promise.all(
      cases.map(async ([kind, found]) => {
        const shop = world.shop(kind);
        const sample = await shop.sample();
        const view = await world.ended(
          await world.deploy(shop, `2.0.0-${kind}`, { ready_within: '8s' }),
        );
        await sample.stop();
        const undone = view.steps.filter(({ state }) => state === 'undone').map(({ id }) => id);
        const step = (id: string) => view.steps.find((each) => each.id === id);
        const [begun, ended] = [
          step('shift/image')?.startedAt ?? '',
          step('shift/steady')?.endedAt ?? '',
        ];
        const took = Math.round((Date.parse(ended) - Date.parse(begun)) / 1_000);
        tell(
          `${kind}: undone ${took} s after it was begun, with 8 s to be ready; at least ${sample.least()} of 4 pods available`,
        );
        expect(took).toBeLessThan(60);
        expect(view.state).toBe('rolled-back');
        expect(view.problem?.message).toMatch(found);
        expect(undone).toEqual(['shift/steady', 'shift/image']);
        expect(await shop.podTags()).toEqual(pods('1.0.0'));
        expect([sample.least(), sample.count() > 2]).toEqual([4, true]);
        expect(shop.calls).toEqual([
          'set image',
          'rollout status',
          'rollout undo',
          'rollout status',
        ]);
        // The revision before, with a number of its own again: not a third one.
        expect(await shop.kubectl('rollout', 'history', 'deployment/shop')).toMatch(
          /^2 .*\n3 +1\.0\.0$/m,
        );
      }),
    );
  }, 120_000);

  test('an image whose pods die after they were ready is found while it is watched, and undone', async () => {
    const shop = world.shop('later');
    const view = await world.ended(
      await world.deploy(shop, '2.0.0-fails-later', { watch: '30s', window: '10s' }),
    );
    expect(view.state).toBe('rolled-back');
    expect(view.problem?.message).toMatch(
      /bad while it was watched: .* \(shop-.*CrashLoopBackOff after 5 restarts/,
    );
    expect(await shop.podTags()).toEqual(pods('1.0.0'));
  }, 120_000);

  test('kubectl killed half-way: the release is rolled out once, or rolled back once', async () => {
    const cases = [
      { name: 'killed-before-set', call: 'set image', script: 'kill -9 $$', made: 2 },
      { name: 'killed-after-set', call: 'set image', script: '"$real" "$@"; kill -9 $$', made: 1 },
      {
        name: 'killed-in-status',
        call: 'rollout status',
        script: '"$real" "$@" & sleep 0.7; kill -9 $! $$',
      },
      {
        name: 'killed-before-undo',
        call: 'rollout undo',
        script: 'kill -9 $$',
        made: 2,
        bad: true,
      },
      {
        name: 'killed-after-undo',
        call: 'rollout undo',
        script: '"$real" "$@"; kill -9 $$',
        made: 1,
        bad: true,
      },
    ];
    await Promise.all(
      cases.map(async ({ name, call, script, made, bad = false }) => {
        const shop = world.shop(name);
        shop.meddle(call, script);
        const run = await world.deploy(
          shop,
          bad ? '2.0.0-never-ready' : '2.0.0',
          bad ? { ready_within: '8s' } : {},
        );
        const view = await world.ended(run);
        expect([name, view.state]).toEqual([name, bad ? 'rolled-back' : 'succeeded']);
        expect(await shop.podTags()).toEqual(pods(bad ? '1.0.0' : '2.0.0'));
        expect(await shop.revision()).toBe(bad ? 3 : 2);
        // The one that was killed, and the one that made up for it where that was needed; following
        // it twice changes nothing.
        if (made !== undefined)
          expect(shop.calls.filter((each) => each === call)).toHaveLength(made);
      }),
    );
  }, 120_000);

  /** Somebody else gives the Deployment another image, with other means. */
  const hotfix = (shop: Shop): Promise<string> =>
    shop.kubectl('set', 'image', 'deployment/shop', 'web=registry.example/shop:1.0.1-hotfix');
  const hotfixNow = (shop: Shop): string =>
    `"$real" --kubeconfig='${shop.cluster.adminConfig}' --namespace=${shop.namespace} set image deployment/shop web=registry.example/shop:1.0.1-hotfix`;

  test('somebody else changes the Deployment during the rollout: asked with what differs, and left as it is', async () => {
    const shop = world.shop('forwards');
    shop.meddle('rollout status', hotfixNow(shop));
    const run = await world.deploy(shop, '2.0.0');
    const asked = await world.asked(run, 'shift/unchanged');
    expect(asked.evidence['what happened']).toMatch(
      /somebody else has changed deployment shop \(with kubectl-set, .* UTC\): container web: image registry.example\/shop:2\.0\.0 → registry.example\/shop:1\.0\.1-hotfix/,
    );
    // Asked again: nothing has changed.
    await world.answer(run, 'retry');
    await world.asked(run, 'shift/unchanged');
    await world.answer(run, 'rollback');
    // It is not rolled back over the other one's head either.
    const undo = await world.asked(run, 'shift/image.undo');
    expect(undo.evidence['what happened']).toMatch(/2\.0\.0 → .*1\.0\.1-hotfix/);
    await world.answer(run, 'abort');
    expect(await world.ended(run)).toMatchObject({
      state: 'failed',
      problem: {
        message: expect.stringContaining('could not be undone: shift/image') as unknown,
      },
    });
    expect(await shop.tag()).toBe('1.0.1-hotfix');
    expect(shop.calls).not.toContain('rollout undo');

    // What people let stand is what is watched from there on.
    shop.meddle(
      'rollout status',
      `"$real" --kubeconfig='${shop.cluster.adminConfig}' --namespace=${shop.namespace} scale deployment/shop --replicas=5`,
    );
    const next = await world.deploy(shop, '3.0.0');
    expect((await world.asked(next, 'shift/unchanged')).evidence['what happened']).toMatch(
      /: replicas 4 → 5$/,
    );
    await world.answer(next, 'skip');
    expect(await world.ended(next)).toMatchObject({ state: 'succeeded-with-exceptions' });
    expect(await shop.podTags()).toEqual(pods('3.0.0', 5));
  }, 120_000);

  test('somebody else changes the Deployment in the same moment, or before the gate is decided: asked', async () => {
    const shop = world.shop('moment');
    shop.meddle('set image', hotfixNow(shop));
    const run = await world.deploy(shop, '2.0.0');
    const asked = await world.asked(run, 'shift/image');
    expect(asked.evidence['what happened']).toMatch(/at the same moment as this run/);
    await world.answer(run, 'abort');
    expect((await world.ended(run)).state).toBe('failed');
    // What came first is not lost: it is a revision of its own.
    const revisions = await shop.kubectl(
      'get',
      'replicasets',
      '-o',
      'jsonpath={.items[*].spec.template.spec.containers[0].image}',
    );
    expect(revisions).toContain('1.0.1-hotfix');
    await until('the rollout to end', async () =>
      (await shop.podTags()).every((tag) => tag === '2.0.0'),
    );

    const inputs = {
      service: shop.target,
      version: '3.0.0',
      strategy: 'rolling',
      window: '2s',
      watch: '2s',
      contract: 'later',
    };
    const late = await world.engine.run('zero-downtime-deployment', inputs);
    await world.engine.waiting(late);
    await shop.kubectl('set', 'env', 'deployment/shop', 'LOG_LEVEL=debug');
    await world.engine.send(late, await world.engine.decision(late));
    const steady = await world.asked(late, 'shift/steady');
    expect(steady.evidence['what happened']).toMatch(
      /\(with kubectl-set, .*\): container web: env was changed$/,
    );
    await world.answer(late, 'abort');
    expect((await world.ended(late)).state).toBe('failed');
    expect(await shop.tag()).toBe('2.0.0');
  }, 120_000);

  test('somebody else changes the Deployment before it is rolled back: asked; put right, it is rolled back', async () => {
    const shop = world.shop('backwards');
    const run = await world.deploy(shop, '2.0.0', { watch: '60s', window: '30s' });
    await until('the watch to begin', async () =>
      (await world.engine.status(run)).steps.some(
        ({ id, state }) => id === 'watch/pods' && state === 'running',
      ),
    );
    await hotfix(shop);
    const asked = await world.asked(run, 'watch/pods');
    expect(asked.evidence['what happened']).toMatch(/2\.0\.0 → .*1\.0\.1-hotfix/);
    await world.answer(run, 'rollback');
    const undo = await world.asked(run, 'shift/image.undo');
    expect(undo.evidence['what happened']).toMatch(
      /somebody else has changed deployment shop .*2\.0\.0 → .*1\.0\.1-hotfix/,
    );
    expect(await shop.tag()).toBe('1.0.1-hotfix');
    await shop.kubectl('set', 'image', 'deployment/shop', 'web=registry.example/shop:2.0.0');
    await world.answer(run, 'retry');
    expect((await world.ended(run)).state).toBe('rolled-back');
    expect(await shop.podTags()).toEqual(pods('1.0.0'));
  }, 120_000);

  test('what it cannot do safely it does not begin, or asks about', async () => {
    const shop = world.shop('refused');
    const refused = async (inputs: Record<string, string> = {}): Promise<string | undefined> =>
      (await world.ended(await world.deploy(shop, '2.0.0', inputs))).problem?.message;
    expect(await refused({ strategy: 'canary' })).toBe(
      'deployment shop has no second Deployment for a canary',
    );
    expect(await refused({ strategy: 'blue-green' })).toBe(
      'deployment shop cannot be deployed to as blue-green',
    );

    await shop.kubectl('rollout', 'pause', 'deployment/shop');
    expect(await refused()).toBe('deployment shop is paused');
    await shop.kubectl('rollout', 'resume', 'deployment/shop');

    await shop.kubectl(
      'set',
      'image',
      'deployment/shop',
      'web=registry.example/shop:1.5.0-never-ready',
    );
    await until('the rollout to begin', async () =>
      (await shop.podTags()).includes('1.5.0-never-ready'),
    );
    expect(await refused()).toBe(
      'deployment shop is being rolled out, or lacks pods: 4 of 4 are available',
    );
    await shop.kubectl('rollout', 'undo', 'deployment/shop');
    await shop.kubectl('rollout', 'status', 'deployment/shop', '--timeout=30s');

    const patch = { spec: { strategy: { rollingUpdate: { maxUnavailable: 1 } } } };
    await shop.kubectl('patch', 'deployment/shop', '-p', JSON.stringify(patch));
    const run = await world.engine.run('zero-downtime-deployment', {
      service: shop.target,
      version: '2.0.0',
      strategy: 'rolling',
    });
    const asked = await world.asked(run, 'release/room');
    expect(asked.evidence['what happened']).toMatch(/pods may be missing/);
    await world.answer(run, 'abort');
    expect((await world.ended(run)).state).toBe('failed');
    expect(shop.calls).toEqual([]);

    // The rights of role.yaml are all that there is.
    const may = (verb: string, what: string): Promise<string> =>
      shop.kubectl('auth', 'can-i', verb, what, '--as=shop-deployer').catch(() => 'no');
    expect(await may('patch', 'deployments/shop')).toBe('yes');
    expect(await may('patch', 'deployments/other')).toBe('no');
    expect(await may('delete', 'pods')).toBe('no');
    expect(await may('get', 'secrets')).toBe('no');
  }, 120_000);

  test('a canary: its pods are scaled to its share and away again; a bad one never reaches the Deployment itself', async () => {
    const shop = world.shop('canary');
    const canary = await shop.sample('shop-canary');
    const view = await world.ended(
      await world.deploy(shop, '2.0.0', { strategy: 'canary', steps: '10,50,100' }),
    );
    await canary.stop();
    expect(view).toMatchObject({ state: 'succeeded', problem: null });
    expect(await shop.podTags()).toEqual(pods('2.0.0'));
    // Half of all pods, beside four others.
    expect(canary.most()).toBe(4);
    expect(shop.calls).toEqual([
      ...['set image', 'scale', 'rollout status', 'scale', 'rollout status'],
      ...['set image', 'rollout status', 'scale'],
    ]);
    expect((await shop.found('shop-canary')).spec.replicas).toBe(0);

    const before = await shop.revision();
    const bad = await world.ended(
      await world.deploy(shop, '3.0.0-fails-later', { strategy: 'canary', window: '12s' }),
    );
    expect(bad.state).toBe('rolled-back');
    expect(bad.problem?.message).toMatch(/bad as a canary of 1 pods beside 4: .*CrashLoopBackOff/);
    expect(await shop.podTags()).toEqual(pods('2.0.0'));
    expect(await shop.revision()).toBe(before);
    expect(await shop.tag('shop-canary')).toBe('2.0.0');
  }, 120_000);

  describe('with workers that die', () => {
    let mortal: ClusterWorld;
    beforeAll(async () => {
      mortal = await ClusterWorld.start(cluster, ['set-image', 'rollout-status'], { workers: 1 });
    }, 120_000);
    afterAll(() => mortal?.stop(), 60_000);

    test.each(['set image', 'rollout status'])(
      'killed in %s: the next one follows the same kubectl, and nothing is done twice',
      async (call) => {
        const shop = mortal.shop(call.replace(' ', '-'));
        shop.meddle(call, shop.pause);
        const run = await mortal.deploy(shop, '2.0.0');
        await shop.paused();
        await mortal.engine.killWorker();
        shop.goOn();
        expect(await mortal.ended(run)).toMatchObject({ state: 'succeeded', problem: null });
        expect(shop.calls).toEqual(['set image', 'rollout status']);
        expect(await shop.podTags()).toEqual(pods('2.0.0'));
        expect(await shop.revision()).toBe(2);
      },
      120_000,
    );
  });
});
