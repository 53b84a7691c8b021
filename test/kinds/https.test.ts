import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { http } from '../../activities/http.js';
import { FileError } from '../../language/strict-file.js';
import { parseTargets } from '../../language/targets-file.js';
import type { HttpAction } from '../../language/kinds/http.js';
import { certificateFor } from '../helpers/certificate.js';
import { failureOf, json, World } from './world.js';

/* A service whose certificate is from an authority of one's own. */

const authority = certificateFor('test authority', 'authority.test');
const stranger = certificateFor('stranger', 'localhost');
const { key, cert } = certificateFor('server', 'localhost', authority);

let server: Server;
let world: World;
const received: string[] = [];

beforeAll(async () => {
  server = createServer({ key, cert }, (request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      received.push(`${request.method} ${request.url} ${request.headers.authorization} ${body}`);
      if (request.url === '/empty') response.writeHead(204).end();
      else if (request.url === '/moved') response.writeHead(307, { location: '/there' }).end();
      else if (request.url === '/slow') return;
      else json(response, 200, { answer: body.length }, { 'x-two': 'a, b' });
    });
  });
  await new Promise<void>((listens) => server.listen(0, '127.0.0.1', listens));
  const { port } = server.address() as AddressInfo;
  const at = (host: string, ca?: string) => ({
    ...{ kind: 'service', environment: 'test' },
    http: {
      address: `https://${host}:${port}`,
      bearer: 'token',
      ...(ca === undefined ? {} : { ca }),
    },
  });
  world = new World(
    {},
    { token: { from: 'file:token', targets: ['ours', 'other', 'none', 'missing', 'name'] } },
  );
  const file = (name: string, text: string): string => {
    writeFileSync(join(world.folder, name), text);
    return join(world.folder, name);
  };
  file('token', 'sesame-token');
  const ours = file('ca.pem', authority.cert);
  const targets = {
    ...{ ours: at('localhost', ours), name: at('127.0.0.1', ours), none: at('localhost') },
    other: at('localhost', file('other.pem', stranger.cert)),
    missing: at('localhost', '/no/such.pem'),
  };
  writeFileSync(world.targetsFile, JSON.stringify({ targets }));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  world.remove();
});

const post = (target: string, path = '/do'): HttpAction => ({
  ...{ kind: 'http', target, method: 'POST', path },
  json: { text: 'é'.repeat(1_000) },
});

test('the authority that the target names is trusted', async () => {
  received.length = 0;
  const answer = await http(post('ours'), world.context());
  expect(answer).toEqual({ status: 200, json: { answer: 1_011 } });
  expect(received).toEqual([expect.stringMatching(/^POST \/do Bearer sesame-token \{"text":"éé/)]);
  await expect(http(post('ours', '/empty'), world.context())).resolves.toMatchObject({
    status: 204,
  });
  const get: HttpAction = { kind: 'http', target: 'ours', method: 'GET', path: '/moved' };
  await expect(http(get, world.context())).resolves.toMatchObject({ status: 200 });
});

test('without it nothing is sent, and that is what is said', async () => {
  received.length = 0;
  for (const target of ['none', 'other', 'name']) {
    const failure = await failureOf(http(post(target), world.context()));
    expect(failure).toMatchObject({
      type: 'TlsRefused',
      message: expect.stringContaining('nothing was sent'),
      extra: { next: expect.stringContaining('http.ca') },
    });
  }
  expect(await failureOf(http(post('missing'), world.context()))).toMatchObject({
    type: 'Configuration',
    message: expect.stringMatching(/such\.pem.*ENOENT/),
  });
  process.stderr.write(`requests that reached the service: ${received.length}\n`);
  expect(received).toEqual([]);
});

test('what was sent and is not answered is unknown there too', async () => {
  const controller = new AbortController();
  const context = world.context({ signal: controller.signal });
  const asked = failureOf(http(post('ours', '/slow'), context));
  server.once('request', () => controller.abort(new Error('its time is over')));
  expect((await asked).type).toBe('OutcomeUnknown');
});

test('an authority for an address without encryption is a mistake', () => {
  const text =
    'targets: { a: { kind: x, environment: t, http: { address: "http://a.example", ca: /a } } }';
  expect(() => parseTargets(text, 'targets.yaml')).toThrow(FileError);
});
