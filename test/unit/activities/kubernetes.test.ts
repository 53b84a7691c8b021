import { describe, expect, test } from '@jest/globals';
import {
  restartsSince,
  whyNotReady,
  type PodList,
} from '../../../activities/delivery/kubernetes/pods.js';
import {
  selectorText,
  type LabelSelector,
} from '../../../activities/delivery/kubernetes/selector.js';

/*
 * As `kubectl get pods -o json` answered, shortened to what is looked at.
 */
type Pod = PodList['items'][number];
const notReady = [
  { type: 'Initialized', status: 'False', message: 'containers with incomplete status: [migrate]' },
  { type: 'Ready', status: 'False' },
  { type: 'PodScheduled', status: 'True' },
];
const waiting = (name: string, reason: string, restartCount = 0) => ({
  name,
  restartCount,
  ready: false,
  state: { waiting: { reason } },
});
const ended = (name: string, reason: string, exitCode: number, restartCount = 0) => ({
  name,
  restartCount,
  ready: exitCode === 0,
  state: { terminated: { reason, exitCode } },
});
const running = (name: string, ready: boolean, restartCount = 0) => ({
  name,
  restartCount,
  ready,
  state: { running: { startedAt: '2026-01-31T12:00:00Z' } },
});

const pod = (
  status: NonNullable<Pod['status']>,
  inits: Pod['spec']['initContainers'] = [],
): Pod => ({
  metadata: { name: 'shop-1' },
  spec: { containers: [{ image: 'shop:2' }], initContainers: inits },
  status: { phase: 'Pending', conditions: notReady, ...status },
});
const migrate = { name: 'migrate' };
const proxy = { name: 'proxy', restartPolicy: 'Always' };

describe('why pods are not ready', () => {
  test.each<[string, string, Pod]>([
    [
      'an init container in a crash loop',
      'init container migrate: CrashLoopBackOff after 4 restarts',
      pod(
        {
          initContainerStatuses: [waiting('migrate', 'CrashLoopBackOff', 4)],
          containerStatuses: [waiting('shop', 'PodInitializing')],
        },
        [migrate],
      ),
    ],
    [
      'an init container that has just failed',
      'init container migrate: Error after 1 restarts',
      pod(
        {
          initContainerStatuses: [ended('migrate', 'Error', 1, 1)],
          containerStatuses: [waiting('shop', 'PodInitializing')],
        },
        [migrate],
      ),
    ],
    [
      'the second init container, after one that ended well',
      'init container seed: ImagePullBackOff',
      pod(
        {
          initContainerStatuses: [
            ended('migrate', 'Completed', 0),
            waiting('seed', 'ImagePullBackOff'),
          ],
          containerStatuses: [waiting('shop', 'PodInitializing')],
        },
        [migrate, { name: 'seed' }],
      ),
    ],
    [
      'an init container that has not ended',
      'init container migrate has not ended',
      pod(
        {
          initContainerStatuses: [running('migrate', false)],
          containerStatuses: [waiting('shop', 'PodInitializing')],
        },
        [migrate],
      ),
    ],
    [
      'a sidecar in a crash loop, whose pod waits for it',
      'sidecar proxy: CrashLoopBackOff after 2 restarts',
      pod(
        {
          initContainerStatuses: [waiting('proxy', 'CrashLoopBackOff', 2)],
          containerStatuses: [waiting('shop', 'PodInitializing')],
        },
        [proxy],
      ),
    ],
    [
      'a sidecar that ended, well or not',
      'sidecar proxy: Completed after 1 restarts',
      pod(
        {
          phase: 'Running',
          initContainerStatuses: [ended('proxy', 'Completed', 0, 1)],
          containerStatuses: [running('shop', true)],
        },
        [proxy],
      ),
    ],
    [
      'the container itself, beside a sidecar that runs',
      'CrashLoopBackOff after 3 restarts',
      pod(
        {
          phase: 'Running',
          initContainerStatuses: [ended('migrate', 'Completed', 0), running('proxy', true)],
          containerStatuses: [waiting('shop', 'CrashLoopBackOff', 3)],
        },
        [migrate, proxy],
      ),
    ],
    [
      'a container that runs and does not answer its probe',
      'container shop runs and is not ready after 2 restarts',
      pod({ phase: 'Running', containerStatuses: [running('shop', false, 2)] }),
    ],
    [
      'a volume that is not there',
      'ContainerCreating',
      pod({ containerStatuses: [waiting('shop', 'ContainerCreating')] }),
    ],
    [
      'no node for it',
      '0/3 nodes are available',
      pod({
        conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes are available' }],
      }),
    ],
    [
      'an evicted pod',
      'Evicted: The node was low on resource: memory.',
      pod({
        phase: 'Failed',
        reason: 'Evicted',
        message: 'The node was low on resource: memory.',
      }),
    ],
    ['nothing said at all', 'Pending', pod({})],
  ])('%s: %s', (_, why, item) => expect(whyNotReady({ items: [item] })).toBe(`shop-1: ${why}`));

  test('pods that are ready or are leaving are not told', () => {
    const ready = pod({ conditions: [{ type: 'Ready', status: 'True' }] });
    const leaving = {
      ...pod({}),
      metadata: { name: 'shop-2', deletionTimestamp: '2026-01-31T12:00:00Z' },
    };
    expect(whyNotReady({ items: [ready, leaving] })).toBe('');
  });
});

test('restarts are counted of every container, and by pod', () => {
  const of = (name: string, init: number, main: number): Pod => ({
    ...pod({
      initContainerStatuses: [running('proxy', true, init)],
      containerStatuses: [running('shop', true, main)],
    }),
    metadata: { name },
  });
  const before = { items: [of('old', 5, 5), of('kept', 1, 2)] };
  expect(restartsSince(before, before)).toBe(0);
  expect(restartsSince(before, { items: [of('kept', 3, 2)] })).toBe(2);
  // The pod with ten restarts is gone; that hides nothing of the new one.
  expect(restartsSince(before, { items: [of('kept', 1, 2), of('new', 1, 3)] })).toBe(4);
});

describe('a selector', () => {
  const selected = (selector: LabelSelector): string => selectorText('shop', selector);
  test.each<[string, LabelSelector]>([
    ['app=shop,tier=web', { matchLabels: { app: 'shop', tier: 'web' } }],
    [
      'app in (shop,store)',
      { matchExpressions: [{ key: 'app', operator: 'In', values: ['shop', 'store'] }] },
    ],
    [
      'app=shop,track notin (canary),example.org/team,!legacy',
      {
        matchLabels: { app: 'shop' },
        matchExpressions: [
          { key: 'track', operator: 'NotIn', values: ['canary'] },
          { key: 'example.org/team', operator: 'Exists' },
          { key: 'legacy', operator: 'DoesNotExist', values: [] },
        ],
      },
    ],
  ])('%s', (text, selector) => expect(selected(selector)).toBe(text));

  test('that cannot be told, or tells nothing apart, is refused', () => {
    expect(() =>
      selected({ matchExpressions: [{ key: 'app', operator: 'Gt', values: ['1'] }] }),
    ).toThrow('the selector of deployment shop has the operator "Gt"');
    expect(() => selected({})).toThrow('selects every pod of the namespace');
    expect(() => selected({ matchLabels: {} })).toThrow('selects every pod of the namespace');
  });
});
