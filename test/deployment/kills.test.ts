import { afterEach, expect, test } from '@jest/globals';
import { proxyHere, proxyKinds, proxyMissing } from '../../lab/web-system/proxy.js';
import { isLong, tell } from '../chaos/tell.js';
import { randomDeaths, Storm, type Ended } from './kills.js';

let storm: Storm | undefined;
afterEach(async () => {
  await storm?.stop();
  storm = undefined;
});

const right = ({ state, believed, found }: Ended, wanted: Ended['state']): boolean =>
  state === wanted && believed === found;

const told = ({ state, believed, found, wrongMs, requests, failures }: Ended): string =>
  `${state}, the proxy ${believed === found ? `has what the run believes (${found})` : `has ${found}, the run believes ${believed}`}, ` +
  `${wrongMs.map((ms) => (ms === null ? 'for good' : `${ms} ms`)).join(' and ') || 'never'} otherwise, ` +
  `${failures} of ${requests} requests failed while the proxy was there`;

test('worker, Temporal server and a proxy that forgets are killed in mid-shift: the release is deployed, and the proxy does what the run believes', async () => {
  storm = await Storm.start(proxyHere(), false);
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

const deploymentsEach = 6;

if (isLong) {
  const here = proxyKinds.filter((kind) => !proxyMissing(kind));
  // What is told to nginx lies in a file.
  const forms = here.flatMap((kind) =>
    (kind === 'nginx' ? [true] : [true, false]).map((remembers) => ({ kind, remembers })),
  );
  test.each(forms)(
    '$kind, remembers $remembers: killed at random moments, $kind too; good releases are deployed, bad ones rolled back',
    async ({ kind, remembers }) => {
      storm = await Storm.start(kind, remembers);
      const ended: (Ended & { isRight: boolean; isBad: boolean })[] = [];
      for (let index = 0; index < deploymentsEach; index += 1) {
        const generation = index % 2 === 0 ? 2 : 3;
        const flaw = index % 4 === 3 ? 'fails' : null;
        const deaths = randomDeaths(3);
        const each = await storm.deploy({
          version: `${generation}.1.${index}`,
          generation,
          flaw,
          deaths,
        });
        const isRight = right(each, flaw ? 'rolled-back' : 'succeeded');
        const moments = deaths
          .map(({ victim, step, afterMs }) => `${victim} ${afterMs} ms into ${step}`)
          .join(', ');
        if (!isRight) process.stdout.write(`WRONG after ${moments}: ${told(each)}; ${each.why}\n`);
        ended.push({ ...each, isRight, isBad: flaw !== null });
        // It holds the service still.
        if (each.state === 'needs-operator') break;
      }
      const sum = (count: (each: Ended) => number): number =>
        ended.reduce((total, each) => total + count(each), 0);
      const lost = (bad: boolean): number =>
        ended
          .filter(({ isBad }) => isBad === bad)
          .reduce((total, { failures }) => total + failures, 0);
      const again = ended.flatMap(({ wrongMs }) => wrongMs);
      tell(
        `${kind} that ${remembers ? 'remembers' : 'forgets'}: ${ended.filter(({ isRight }) => isRight).length} of ${deploymentsEach} right; ` +
          `killed: worker ${sum(({ deaths }) => deaths.worker)}, Temporal ${sum(({ deaths }) => deaths.temporal)}, proxy ${sum(({ deaths }) => deaths.proxy)}; ` +
          `weights other than believed for ${Math.max(0, ...again.map((ms) => ms ?? Infinity))} ms at most; ` +
          `of ${sum(({ requests }) => requests)} requests while the proxy was there ${lost(false)} failed for good releases, ` +
          `${lost(true)} for the ${ended.filter(({ isBad }) => isBad).length} bad`,
      );
      expect(ended.filter(({ isRight }) => !isRight)).toEqual([]);
      expect(again.filter((ms) => ms === null)).toEqual([]);
      // The others lose requests by themselves when they take a new configuration.
      if (kind === 'haproxy') expect(lost(false)).toBe(0);
    },
    1_800_000,
  );
}
