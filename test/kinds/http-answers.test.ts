import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { http } from '../../activities/http.js';
import type { StepFailure } from '../../activities/failure.js';
import type { Json } from '../../language/json.js';
import { certificateFor } from '../helpers/certificate.js';
import { failureOf, World } from './world.js';

/* Answers byte by byte, as no server library would write them. */

const authority = certificateFor('test authority', 'authority.test');
const { key, cert } = certificateFor('server', 'localhost', authority);

/** What a service answers, by the path. */
const answers = new Map<string, (string | Buffer)[]>();
const received: string[] = [];
const servers: Server[] = [];
let world: World;

/** Writes the answer piece by piece, and closes. */
function serve(socket: Socket): void {
  let asked = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    asked += String(chunk);
    if (!asked.includes('\r\n\r\n')) return;
    const [, path = ''] = asked.split(' ');
    asked = '';
    received.push(path);
    const [last = '', ...before] = (answers.get(path) ?? []).toReversed();
    const next = (pieces: (string | Buffer)[]): void => {
      const [piece, ...rest] = pieces;
      if (piece === undefined) socket.end(last);
      else socket.write(piece, () => setImmediate(() => next(rest)));
    };
    next(before.toReversed());
  });
}

beforeAll(async () => {
  world = new World({});
  const ca = join(world.folder, 'ca.pem');
  writeFileSync(ca, authority.cert);
  servers.push(createServer(serve), createTlsServer({ key, cert }, serve));
  for (const server of servers)
    await new Promise<void>((listens) => server.listen(0, '127.0.0.1', listens));
  const [plain, encrypted] = servers.map((server) => (server.address() as AddressInfo).port);
  const at = (address: string, more = {}) => ({
    ...{ kind: 'service', environment: 'test' },
    http: { address, ...more },
  });
  const targets = {
    plain: at(`http://127.0.0.1:${plain}`),
    encrypted: at(`https://localhost:${encrypted}`, { ca }),
  };
  writeFileSync(world.targetsFile, JSON.stringify({ targets }));
});

afterAll(async () => {
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  world.remove();
});

type Way = 'plain' | 'encrypted';

function post(target: Way, path: string, context = world.context()): Promise<Json> {
  return http({ kind: 'http', target, method: 'POST', path, json: { a: 1 } }, context);
}

function answerWith(path: string, ...pieces: (string | Buffer)[]): void {
  answers.set(path, pieces);
}

const atOnce = 20;
const every = Array.from({ length: 1_000 }, (_, status) => String(status).padStart(3, '0'));

describe.each<Way>(['plain', 'encrypted'])('%s', (way) => {
  test('whatever the status is: the request ends, and is sent once', async () => {
    received.length = 0;
    const endOf = (status: string): Promise<string> => {
      const path = `/${way}/${status}`;
      answerWith(path, `HTTP/1.1 ${status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
      return post(way, path).then(
        () => 'done',
        (error: StepFailure) => error.type,
      );
    };
    const ended: string[] = [];
    // All at once, so many handshakes take longer than a connection may on a busy machine.
    for (let at = 0; at < every.length; at += atOnce)
      ended.push(...(await Promise.all(every.slice(at, at + atOnce).map(endOf))));
    expect(received.toSorted()).toEqual(every.map((status) => `/${way}/${status}`));
    const of = (status: number) => ended[status];
    expect(ended.filter((type) => type === 'done')).toHaveLength(100);
    expect([of(0), of(99), of(101), of(600), of(999)]).toEqual(Array(5).fill('OutcomeUnknown'));
    expect([of(407), of(421)]).toEqual(['HttpRejected', 'HttpRejected']);
  });

  test('a compressed answer is read, and one that breaks off is no answer', async () => {
    const text = `begins ${'and goes on '.repeat(100)}and ends`;
    const packed = gzipSync(text);
    const head = (length: number) =>
      `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-encoding: gzip\r\ncontent-length: ${length}\r\n\r\n`;
    answerWith('/packed', head(packed.length), packed);
    expect(await post(way, '/packed')).toMatchObject({ text, bytes: text.length });
    for (const kept of [10, 30, packed.length - 8, packed.length - 1]) {
      answerWith('/cut', head(kept), packed.subarray(0, kept));
      expect(await failureOf(post(way, '/cut'))).toMatchObject({ type: 'OutcomeUnknown' });
    }
  });

  test('an answer that comes in pieces is kept from its beginning', async () => {
    for (const sizes of [[3_000], [1, 1_023, 1], [1_024, 1], [900, 900, 900], [10, 2_000, 10]]) {
      const pieces = sizes.map((size, at) => 'abc'.charAt(at).repeat(size));
      const whole = pieces.join('');
      answerWith(
        '/pieces',
        `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${whole.length}\r\n\r\n`,
        ...pieces,
      );
      const context = world.context();
      await post(way, '/pieces', context);
      expect(context.printed().toString()).toBe(whole);
    }
  });
});

test('fetch sends it a second time by itself', async () => {
  const path = '/plain/421';
  answerWith(path, 'HTTP/1.1 421 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  received.length = 0;
  const { port } = servers[0]?.address() as AddressInfo;
  await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body: '{}' });
  expect(received).toEqual([path, path]);
});

test('a redirect to an address with a user of its own is not followed', async () => {
  const { port } = servers[0]?.address() as AddressInfo;
  const moved = (to: string) =>
    `HTTP/1.1 302 X\r\nlocation: ${to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
  for (const user of ['eve', 'eve:sesame', ':sesame']) {
    answerWith('/moved', moved(`http://${user}@127.0.0.1:${port}/there`));
    received.length = 0;
    const action = { kind: 'http', target: 'plain', method: 'GET', path: '/moved' } as const;
    const failure = await failureOf(http(action, world.context({ effect: 'read' })));
    expect(failure).toMatchObject({ type: 'HttpRejected' });
    expect(failure.message).toContain('/there, which is not followed');
    expect(failure.message).not.toMatch(/eve|sesame/);
    expect(received).toEqual(['/moved']);
  }
});
