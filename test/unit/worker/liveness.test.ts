import { describe, expect, test } from '@jest/globals';
import { deploymentOf } from '../../../common/deployment.js';
import { Liveness, livingNow } from '../../../worker/deployment/liveness.js';
import type { Sign, Signs } from '../../../worker/deployment/server.js';

const sign = (key: string, at: number, buildId = 'v1'): Sign => ({
  key,
  identity: `host:${key}`,
  buildId,
  at,
});
const beats = (...workers: Sign[]): Signs => ({ workers, sparseMs: null });

describe('which workers live', () => {
  test('one that nothing new is heard of dies after the silence, by our own clock', () => {
    const liveness = new Liveness(1_000);
    // Its clock is years behind: that changes nothing.
    expect(liveness.observe(beats(sign('a', 5)), 0).get('v1')).toEqual(['host:a']);
    expect(liveness.observe(beats(sign('a', 6)), 900).get('v1')).toEqual(['host:a']);
    expect(liveness.observe(beats(sign('a', 6)), 1_899).get('v1')).toEqual(['host:a']);
    expect(liveness.observe(beats(sign('a', 6)), 1_900).get('v1')).toBeUndefined();
    expect(liveness.observe(beats(sign('a', 7)), 2_000).get('v1')).toEqual(['host:a']);
  });

  test('the living of each version, in order', () => {
    const liveness = new Liveness(1_000);
    const living = liveness.observe(beats(sign('c', 1), sign('a', 1), sign('b', 1, 'v2')), 0);
    expect([...living]).toEqual([
      ['v1', ['host:a', 'host:c']],
      ['v2', ['host:b']],
    ]);
  });

  test('where only polls are known, the silence is as long as a poll', () => {
    const liveness = new Liveness(1_000);
    liveness.observe({ workers: [sign('a', 1)], sparseMs: 5_000 }, 0);
    expect(liveness.observe({ workers: [sign('a', 1)], sparseMs: 5_000 }, 4_999).size).toBe(1);
    expect(liveness.observe({ workers: [sign('a', 1)], sparseMs: 5_000 }, 5_000).size).toBe(0);
  });

  test('one look: what is in doubt is looked at again', async () => {
    const old = Date.now() - 60_000;
    const looks = [
      beats(sign('skewed', old), sign('dead', old, 'v2')),
      beats(sign('skewed', old + 3_000), sign('dead', old, 'v2')),
    ];
    const living = await livingNow({ signs: () => Promise.resolve(looks.shift() ?? beats()) }, []);
    expect([...living]).toEqual([['v1', ['host:skewed']]]);
    expect(looks).toEqual([]);
  }, 10_000);

  test('one look: a worker that just started is waited for, where one is needed', async () => {
    const now = Date.now();
    const signs = (looks: Signs[]) => ({ signs: () => Promise.resolve(looks.shift() ?? beats()) });
    const looks = [beats(sign('old', now)), beats(sign('old', now), sign('new', now, 'v2'))];
    expect([...(await livingNow(signs([...looks]), ['v1'])).keys()]).toEqual(['v1']);
    expect([...(await livingNow(signs([...looks]), ['v1', 'v2'])).keys()]).toEqual(['v1', 'v2']);
  }, 10_000);
});

test('a deployment has a name that Temporal takes, and every queue one of its own', () => {
  const names = ['runbooks', 'a.b', 'a:b', 'a_2e_b', 'a-b', 'ä'].map(deploymentOf);
  expect(names[0]).toBe('runbooks');
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]+$/);
});
