import { afterEach, expect, test } from '@jest/globals';
import { proxyMissing } from '../../examples/web-system/proxy.js';
import { tell } from '../chaos/tell.js';
import { Storm, type Ended } from './kills.js';

let storm: Storm | undefined;
afterEach(async () => {
  await storm?.stop();
  storm = undefined;
});

const right = ({ state, believed, found }: Ended, wanted: Ended['state']): boolean => state === wanted && believed === found;

const told = ({ state, believed, found, wrongMs, requests, failures }: Ended): string =>
  `${state}, the proxy ${believed === found ? `has what the run believes (${found})` : `has ${found}, the run believes ${believed}`}, ` +
  `${wrongMs.map((ms) => (ms === null ? 'for good' : `${ms} ms`)).join(' and ') || 'never'} otherwise, ` +
  `${failures} of ${requests} requests failed while the proxy was there`;

test('worker, Temporal server and a proxy that forgets are killed in mid-shift: the release is deployed, and the proxy does what the run believes', async () => {
  storm = await Storm.start(proxyMissing('haproxy') ? 'caddy' : 'haproxy', false);
  const guarded = await storm.deploy({
    version: '2.0.0',
    generation: 2,
    deaths: [
      { victim: 'worker', step: 'shift/measure', afterMs: 100 },
      { victim: 'temporal', step: 'shift/measure.2', afterMs: 100 },
      { victim: 'proxy', step: 'shift/measure.3', afterMs: 300 },
    ],
  });
  tell(`killed in mid-shift: ${told(guarded)}`);
  await storm.withoutReadback();
  const unguarded = await storm.deploy({
    version: '3.0.0',
    generation: 3,
    deaths: [{ victim: 'proxy', step: 'shift/measure', afterMs: 300 }],
  });
  tell(`weights not read back: ${told(unguarded)}`);
  expect(guarded.deaths).toEqual({ worker: 1, temporal: 1, proxy: 1 });
  expect(guarded).toMatchObject({ state: 'succeeded', failures: 0, wrongMs: [expect.any(Number)] });
  expect(guarded.found).toBe(guarded.believed);
  expect(unguarded.deaths.proxy).toBe(1);
  expect([guarded, unguarded].map((ended) => (right(ended, 'succeeded') ? 0 : 1))).toEqual([0, 1]);
}, 240_000);
