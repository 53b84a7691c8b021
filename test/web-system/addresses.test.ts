import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { drain, type TrafficSwitch } from '../../activities/delivery/traffic/switch.js';
import { freePort } from '../../embedded/ports.js';
import { Proxy, proxyKinds, proxyMissing } from '../../lab/web-system/proxy.js';
import { until } from '../../lab/until.js';

/*
 * Every form of address that a server of a pool may have, in front of real servers: it gets
 * requests, it is counted, and what is read there can be said again to drain it, to take it out and
 * to put it back.
 */
const here = Object.values(networkInterfaces()).flat();
const hasIpv6 = here.some((each) => each?.address === '::1');

let folder: string;
let port: number;
const servers: Server[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'addresses-'));
  port = await freePort();
  const path = join(folder, 'app.sock');
  const at = [
    { host: '127.0.0.1', port, name: 'by IPv4' },
    ...(hasIpv6 ? [{ host: '::1', port, name: 'by IPv6' }] : []),
    { path, name: 'by socket' },
  ];
  for (const { name, ...listen } of at) {
    const server = createServer((_, response) => response.end(name));
    servers.push(server);
    await new Promise<void>((done) => server.listen(listen, done));
  }
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
  rmSync(folder, { recursive: true, force: true });
});

async function answerOf(url: string): Promise<string> {
  const response = await fetch(url, { headers: { connection: 'close' } });
  return response.ok ? response.text() : String(response.status);
}

const green = async (traffic: TrafficSwitch) =>
  (await traffic.observe()).servers.find(({ name }) => name === 'green')!;

interface Form {
  told: string;
  /** What the proxy says of it, when that is another text. */
  says?: string;
  answer: RegExp;
}

function formsOf(kind: (typeof proxyKinds)[number]): [string, Form][] {
  const byName = kind === 'haproxy' ? /^(127\.0\.0\.1|\[::1\]):\d+$/ : undefined;
  return [
    ...(hasIpv6
      ? ([
          ['IPv6 in brackets', { told: `[::1]:${port}`, answer: /by IPv6/ }],
          // The rest is the same for all, and each change of nginx is a reload.
          ...(kind === 'haproxy'
            ? [
                [
                  'IPv6 in full',
                  { told: `0:0:0:0:0:0:0:1:${port}`, says: `[::1]:${port}`, answer: /by IPv6/ },
                ],
              ]
            : []),
        ] as [string, Form][])
      : []),
    [
      'a name',
      {
        told: `localhost:${port}`,
        ...(byName ? { says: 'a number' } : {}),
        answer: /by IPv[46]/,
      },
    ],
    ...(kind === 'haproxy'
      ? []
      : ([['a socket', { told: `unix:${join(folder, 'app.sock')}`, answer: /by socket/ }]] as [
          string,
          Form,
        ][])),
  ];
}

describe.each(proxyKinds)('%s', (kind) => {
  const it = proxyMissing(kind) ? test.skip : test;

  it('takes every form of address, and says it again', async () => {
    const proxy = await Proxy.start(kind, join(folder, kind));
    try {
      const { traffic, url } = proxy;
      const blue = { name: 'blue', address: `127.0.0.1:${port}`, weight: 1 };
      for (const [form, { told, says, answer }] of formsOf(kind)) {
        const wanted = [
          { ...blue, weight: 0 },
          { name: 'green', address: told, weight: 1 },
        ];
        await traffic.apply(wanted);
        const said = (await green(traffic)).address;
        if (says === 'a number') expect(said).toMatch(/^(127\.0\.0\.1|\[::1\]):\d+$/);
        else expect([form, said]).toEqual([form, says ?? told]);
        // Said once more in its first words, or in the proxy's own, it is what is there already.
        expect((await traffic.apply(wanted)).changed).toEqual([]);
        const { requests } = (await green(traffic)).counters;
        await until(`an answer of ${form}`, async () => answer.test(await answerOf(url)));
        await until(`${form} to be counted`, async () => {
          return (await green(traffic)).counters.requests > requests;
        });
        await traffic.apply([blue]);
        expect(await drain(traffic, 'green', { limitMs: 5_000 })).toMatchObject({ drained: true });
        const { before } = await traffic.apply([{ name: 'green', address: null, weight: 0 }]);
        expect((await green(traffic)).address).toBeNull();
        await traffic.apply(before);
        expect([form, (await green(traffic)).address]).toEqual([form, said]);
      }
      const refused = (address: string) =>
        traffic.apply([blue, { name: 'green', address, weight: 1 }]);
      await expect(refused('::1:8080')).rejects.toThrow('"::1:8080" is no address of a server');
      await expect(refused('unix:/run/a;b')).rejects.toThrow('is no address of a server');
    } finally {
      await proxy.stop();
    }
  });
});

(proxyMissing('haproxy') ? test.skip : test)(
  'haproxy: a server that its configuration reaches by socket or by name is drained and put back',
  async () => {
    const socket = join(folder, 'app.sock');
    const declared = {
      blue: `127.0.0.1:${port}`,
      green: `unix@${socket}`,
      named: `localhost:${port} init-addr libc`,
    };
    const proxy = await Proxy.start('haproxy', join(folder, 'declared'), {
      slots: ['blue', 'green', 'named'],
      declared,
      remembers: false,
    });
    try {
      const { traffic, url } = proxy;
      expect((await green(traffic)).address).toBe('unix');
      for (const name of ['green', 'named'])
        expect(await drain(traffic, name, { limitMs: 5_000 })).toMatchObject({ drained: true });
      const { before } = await traffic.apply([{ name: 'green', address: null, weight: 0 }]);
      await traffic.apply(before);
      await traffic.apply([
        { name: 'green', address: 'unix', weight: 1 },
        { name: 'blue', address: `127.0.0.1:${port}`, weight: 0 },
      ]);
      await until('its answer', async () => /by socket/.test(await answerOf(url)));
      // It cannot be told another socket, nor that a server has one.
      await expect(
        traffic.apply([{ name: 'blue', address: `unix:${socket}`, weight: 1 }]),
      ).rejects.toThrow('HAProxy cannot change the address of blue to unix:');
      await expect(
        traffic.apply([{ name: 'blue', address: 'no-such-host.invalid:80', weight: 1 }]),
      ).rejects.toThrow('the host name in no-such-host.invalid:80 does not resolve');
    } finally {
      await proxy.stop();
    }
  },
);
