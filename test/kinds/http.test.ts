import { createHash, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { http as done } from '../../activities/http.js';
import { retryAfter } from '../../activities/http-refusal.js';
import { StepFailure } from '../../activities/failure.js';
import { evaluateAnswer } from '../../activities/judge-answer.js';
import { failureTypes } from '../../common/failures.js';
import { hadNoEffect, triesOf } from '../../common/tries.js';
import { valueAt } from '../../language/dotted.js';
import type { HttpAction } from '../../language/kinds/http.js';
import { until } from '../../lab/until.js';
import { failureOf, hostile, json, refusing, Service, World } from './world.js';

type Answer = ServerResponse;

const token = 'sesame-open-token';
let service: Service;
let foreign: Service;
let world: World;

beforeAll(async () => {
  service = await Service.start();
  foreign = await Service.start();
  world = new World(
    {
      api: {
        kind: 'x',
        environment: 'test',
        http: {
          address: `${service.address}/base`,
          bearer: 'token',
          headers: { 'x-tenant': 't1' },
        },
        addresses: { probe: { address: `${service.address}/probe`, bearer: 'token' } },
        credentials: { admin: { bearer: 'admin-token' }, foreign: { bearer: 'other-token' } },
      },
      thief: {
        kind: 'x',
        environment: 'test',
        http: { address: foreign.address, bearer: 'token' },
      },
      bare: { kind: 'x', environment: 'test' },
    },
    {
      token: { from: 'file:token', targets: ['api'] },
      'admin-token': { from: 'file:admin-token', targets: ['api'] },
      'other-token': { from: 'file:token', targets: ['thief'] },
    },
  );
  world.secret('token', token);
  world.secret('admin-token', 'admins-only');
});

beforeEach(() => {
  service.answerWith((_request, response) => json(response, 200, { ok: true }));
  foreign.answerWith((_request, response) => json(response, 200, { stolen: true }));
});

// Whatever a test does: nothing may ever reach the server that is no target of the secret.
afterEach(() => expect(foreign.received).toEqual([]));

afterAll(async () => {
  await Promise.all([service.stop(), foreign.stop()]);
  world.remove();
});

const get = (changes: Partial<HttpAction> = {}): HttpAction => ({
  kind: 'http',
  target: 'api',
  method: 'GET',
  path: '/x',
  ...changes,
});

test('a request goes to the target, with its token and headers', async () => {
  const output = await http(
    get({ method: 'POST', path: '/jobs', json: { a: 1 }, query: { q: 'a b&c' } }),
    world.context(),
  );
  expect(output).toEqual({ status: 200, json: { ok: true } });
  expect(service.received).toMatchObject([
    {
      method: 'POST',
      url: '/base/jobs?q=a+b%26c',
      headers: {
        authorization: `Bearer ${token}`,
        'x-tenant': 't1',
        'content-type': 'application/json',
      },
      body: '{"a":1}',
    },
  ]);
});

test('the credentials that a step names take the place of the token of the address', async () => {
  await http(get({ credentials: 'admin' }), world.context());
  await http(get({ credentials: 'main' }), world.context());
  expect(service.received.map(({ headers }) => headers['authorization'])).toEqual([
    'Bearer admins-only',
    `Bearer ${token}`,
  ]);
  for (const [credentials, why] of [
    ['foreign', /other-token may not go to target api/],
    ['gone', /target api has no credentials gone/],
  ] as const)
    expect((await failureOf(http(get({ credentials }), world.context()))).message).toMatch(why);
  expect(service.received).toHaveLength(2);
});

test('Idempotency-Key is the same for every attempt', async () => {
  for (const attempt of [1, 2])
    await http(get({ method: 'POST', idempotencyKey: true }), world.context({ attempt }));
  expect(service.received.map(({ headers }) => headers['idempotency-key'])).toEqual([
    'run-1/step-1',
    'run-1/step-1',
  ]);
});

/** Of a step that only reads where the request does, as authors declare it. */
const http: typeof done = (action, context) =>
  done(action, action.method === 'GET' ? { ...context, effect: 'read' } : context);

describe('the secret never leaves its target', () => {
  test.each([
    ['an absolute address', () => foreign.address],
    ['an address without its scheme', () => foreign.address.slice('http:'.length)],
    ['a path that would make the host a user name', () => foreign.address.replace('http://', '@')],
    ['back slashes', () => `\\\\${foreign.address.slice('http://'.length)}`],
    ['steps upward', () => '/../admin'],
    ['steps upward inside', () => '/x/../../admin'],
    ['an encoded step upward', () => '/%2e%2E/admin'],
    ['half an encoded step upward', () => '/.%2e/admin'],
    ['a line break', () => '/x HTTP/1.1\r\nHost: evil\r\n\r\nGET /'],
    ['a fragment', () => '/x#y'],
    ['a query inside the path', () => '/x?admin=1'],
  ])('%s is refused before anything is sent', async (_what, path) => {
    const failure = await failureOf(http(get({ path: path() }), world.context()));
    expect(failure).toMatchObject({
      type: 'Configuration',
      message: expect.stringContaining("leaves the target's address"),
    });
    expect(service.received).toEqual([]);
  });

  test.each(['..', '.', ''])('a parameter %p is refused', async (name) => {
    const failure = await failureOf(
      http(get({ path: '/x/{name}', params: { name } }), world.context()),
    );
    expect(failure.type).toBe('Configuration');
    expect(service.received).toEqual([]);
  });

  test('a parameter that was not given is told', async () => {
    const failure = await failureOf(http(get({ path: '/x/{name}' }), world.context()));
    expect(failure).toMatchObject({
      type: 'Configuration',
      message: expect.stringContaining('{name}'),
    });
  });

  test('parameters that look like addresses stay one segment', async () => {
    for (const job of ['http://evil.example', '//evil.example', '@evil.example', 'a/b', 'a?b#c']) {
      await http(get({ path: '/jobs/{job}/status', params: { job } }), world.context());
      const { url = '' } = service.received.at(-1) ?? {};
      expect(url.split('/')).toHaveLength(5);
      expect(decodeURIComponent(url.split('/')[3] ?? '')).toBe(job);
    }
  });

  test('a header that would begin another is refused', async () => {
    const failure = await failureOf(
      http(get({ headers: { 'x-note': 'a\r\nx-evil: b' } }), world.context()),
    );
    expect(failure.type).toBe('Configuration');
    expect(service.received).toEqual([]);
  });

  test('a step cannot put another token in its place', async () => {
    await http(get({ headers: { Authorization: 'Bearer other' } }), world.context());
    expect(service.received[0]?.headers.authorization).toBe(`Bearer ${token}`);
  });

  test('a target that the secret is not for gets neither secret nor request', async () => {
    const failure = await failureOf(http(get({ target: 'thief' }), world.context()));
    expect(failure).toMatchObject({
      type: 'Configuration',
      message: 'secret token may not go to target thief',
    });
  });

  test.each([301, 302, 303, 307, 308])(
    'a redirect (%i) to another origin is not followed',
    async (status) => {
      service.answerWith((_request, response) =>
        response.writeHead(status, { location: `${foreign.address}/take?secret=hidden` }).end(),
      );
      const failure = await failureOf(http(get(), world.context()));
      expect(failure).toMatchObject({
        type: 'HttpRejected',
        message: expect.stringContaining(`${foreign.address}/take`),
      });
      expect(failure.message).not.toContain('hidden');
      expect(service.received).toHaveLength(1);
    },
  );

  test('a change is not sent a second time to where a redirect points', async () => {
    service.answerWith((_request, response) =>
      response.writeHead(307, { location: '/base/other' }).end(),
    );
    expect((await failureOf(http(get({ method: 'POST' }), world.context()))).type).toBe(
      'HttpRejected',
    );
    expect(service.received).toHaveLength(1);
  });

  test('redirects within the target are followed, three times and not for ever', async () => {
    service.answerWith((request, response) => {
      const left = Number(request.url.split('/').at(-1));
      if (left === 0) json(response, 200, { arrived: true });
      else response.writeHead(302, { location: `/base/${left - 1}` }).end();
    });
    await expect(http(get({ path: '/3' }), world.context())).resolves.toEqual({
      status: 200,
      json: { arrived: true },
    });
    expect((await failureOf(http(get({ path: '/9' }), world.context()))).type).toBe('HttpRejected');
  });
});

describe('what an answer means', () => {
  test.each([
    [401, 'HttpDenied'],
    [403, 'HttpDenied'],
    [400, 'HttpRejected'],
    [404, 'HttpRejected'],
    [409, 'HttpRejected'],
    [422, 'HttpRejected'],
    [408, 'HttpUnavailable'],
    [425, 'HttpUnavailable'],
    [429, 'HttpUnavailable'],
    [500, 'HttpUnavailable'],
    [503, 'HttpUnavailable'],
  ])('%i is %s, with what the service said', async (status, type) => {
    service.answerWith((_request, response) =>
      json(response, status, { error: { code: 'x', message: `because of ${token}` } }),
    );
    const failure = await failureOf(http(get(), world.context()));
    expect(failure.type).toBe(type);
    expect(failure.message).toBe(
      `${service.address}/base/x answered ${status}: because of [secret token]`,
    );
    if (type === 'HttpDenied') expect(failure.extra.next).toMatch(/secret token.*secrets\.yaml/);
  });

  describe('to a request that may not be sent again', () => {
    /** As the engine does it: what can pass and may be repeated is, three times in all. */
    async function sent(change: object, answer: [number, Record<string, string>]): Promise<number> {
      service.answerWith((_request, response) => json(response, answer[0], {}, answer[1]));
      for (let failed = 1; ; failed += 1) {
        const { type, extra } = await failureOf(http(get(change), world.context()));
        const harmless = { type, kind: 'http', acted: false, nothingDone: extra.nothingDone };
        const tries = triesOf({ kind: 'http', effect: 'change' }, get(change));
        const most = hadNoEffect(harmless as never) ? tries.attempts : tries.onceActed;
        if (failureTypes[type] === 'permanent' || failed >= most) return service.received.length;
      }
    }

    test.each([408, 500, 501, 502, 503, 504, 520, 521, 522, 523, 524, 599])(
      '%i does not say whether it was done: people are asked, and it is sent once',
      async (status) => {
        service.answerWith((_request, response) => json(response, status, { message: 'oh' }));
        const failure = await failureOf(http(get({ method: 'POST' }), world.context()));
        expect(failure).toMatchObject({
          type: 'OutcomeUnknown',
          message: expect.stringMatching(
            new RegExp(`answered ${status}: oh; the request may have arrived`),
          ),
        });
        const once = await sent({ method: 'POST' }, [status, {}]);
        // The guard off: the step says that twice is as good as once, and the service does not keep
        // to it.
        const off = await sent({ method: 'POST', idempotent: true }, [status, {}]);
        process.stdout.write(`${status} to a POST: effects ${once}, with the guard off ${off}\n`);
        expect([once, off > 1]).toEqual([1, true]);
      },
    );

    test.each([300, 301, 302, 303])(
      '%i that names no other place leaves it open',
      async (status) => {
        service.answerWith((_request, response) => void response.writeHead(status).end());
        const failure = await failureOf(http(get({ method: 'POST' }), world.context()));
        expect(failure.type).toBe('OutcomeUnknown');
      },
    );

    test.each(['GET', 'HEAD'] as const)('a %s that changes something is one', async (method) => {
      service.answerWith((_request, response) => json(response, 504, {}));
      const failure = (change: object) => failureOf(done(get(change), world.context()));
      expect((await failure({ method })).type).toBe('OutcomeUnknown');
      expect((await failure({ method, idempotent: true })).type).toBe('HttpUnavailable');
    });

    test.each([
      [425, {}],
      [429, {}],
      [429, { 'retry-after': '1' }],
      [503, { 'retry-after': '0' }],
      [503, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }],
    ] as [number, Record<string, string>][])(
      '%i with %o says that nothing was done: it is sent again, whatever the step does',
      async (status, headers) => {
        expect(await sent({ method: 'POST' }, [status, headers])).toBe(3);
      },
    );

    test('503 with a Retry-After that nobody can read says nothing', async () => {
      expect(await sent({ method: 'POST' }, [503, { 'retry-after': 'soon' }])).toBe(1);
    });

    test('a refusal counts, even when its text breaks off', async () => {
      service.answerWith((_request, response) => {
        response.writeHead(409, { 'content-length': '100' });
        response.write('half');
        setImmediate(() => response.destroy());
      });
      const failure = await failureOf(http(get({ method: 'POST' }), world.context()));
      expect(failure.type).toBe('HttpRejected');
    });
  });

  describe('a change that is answered with "see there"', () => {
    const [from, to] = ['/base/x', '/base/made/7'];
    const seeOther = (status: number, location: string, then: (response: Answer) => void): void =>
      service.answerWith((request, response) =>
        request.url === from ? void response.writeHead(status, { location }).end() : then(response),
      );
    const post = () => http(get({ method: 'POST', json: { a: 1 } }), world.context());

    test('303: the answer is fetched with GET, without the body', async () => {
      seeOther(303, to, (response) => json(response, 200, { made: 7 }));
      await expect(post()).resolves.toEqual({ status: 200, json: { made: 7 } });
      expect(service.received.map(({ method, url, body }) => [method, url, body])).toEqual([
        ['POST', from, '{"a":1}'],
        ['GET', to, ''],
      ]);
      expect(service.received[1]?.headers).not.toHaveProperty('content-type');
    });

    test.each([
      ['the answer is not there', (response: Answer) => json(response, 404, {})],
      ['the service is busy', (response: Answer) => json(response, 429, {})],
      ['the connection breaks', (response: Answer) => void response.destroy()],
    ])('303, and %s: what was asked for is done, so people are asked', async (_, then) => {
      seeOther(303, to, then);
      expect(await failureOf(post())).toMatchObject({
        type: 'OutcomeUnknown',
        message: expect.stringContaining('answered 303, so the request was accepted'),
      });
      expect(service.received.filter(({ method }) => method === 'POST')).toHaveLength(1);
    });

    test.each([301, 302, 303])('%i to another origin: nobody knows', async (status) => {
      seeOther(status, `${foreign.address}/login`, (response) => json(response, 200, {}));
      expect(await failureOf(post())).toMatchObject({
        type: 'OutcomeUnknown',
        message: expect.stringMatching(/sends on to .*login, which is not followed; .*may have/),
      });
    });

    test.each([307, 308])('%i: sent there only if it may be sent twice', async (status) => {
      seeOther(status, to, (response) => json(response, 200, {}));
      expect((await failureOf(post())).type).toBe('HttpRejected');
      expect(service.received).toHaveLength(1);
      service.received.length = 0;
      await http(get({ method: 'PUT', json: { a: 1 }, idempotent: true }), world.context());
      expect(service.received.map(({ method, url, body }) => [method, url, body])).toEqual([
        ['PUT', from, '{"a":1}'],
        ['PUT', to, '{"a":1}'],
      ]);
    });
  });

  test.each([
    ['120', 120_000],
    ['100000', 300_000],
    ['0', 0],
    ['Wed, 21 Oct 2015 07:28:10 GMT', 10_000],
    ['Wednesday, 21-Oct-15 07:28:10 GMT', 10_000],
    ['Wed Oct 21 07:28:10 2015', 10_000],
    ['Wed, 21 Oct 2015 07:00:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
  ])('Retry-After: %s', (said, ms) => {
    const headers = new Headers({ 'retry-after': said, date: 'Wed, 21 Oct 2015 07:28:00 GMT' });
    expect(retryAfter(headers)).toBe(ms);
  });

  test('Retry-After is passed on', async () => {
    service.answerWith((_request, response) => json(response, 503, {}, { 'retry-after': '7' }));
    expect((await failureOf(http(get(), world.context()))).extra.retryAfterMs).toBe(7_000);
  });

  test('the step says which statuses are good', async () => {
    service.answerWith((_request, response) => json(response, 404, { gone: true }));
    await expect(http(get({ statuses: [200, 404] }), world.context())).resolves.toEqual({
      status: 404,
      json: { gone: true },
    });
    service.answerWith((_request, response) => json(response, 201, {}));
    expect((await failureOf(http(get({ statuses: [200] }), world.context()))).type).toBe(
      'HttpRejected',
    );
  });

  test('a long message of the service is cut', async () => {
    service.answerWith((_request, response) =>
      json(response, 400, { message: 'm'.repeat(100_000) }),
    );
    expect((await failureOf(http(get(), world.context()))).message.length).toBeLessThan(500);
  });

  test('a target without an address is a matter of configuration', async () => {
    expect((await failureOf(http(get({ target: 'bare' }), world.context()))).type).toBe(
      'Configuration',
    );
  });
});

describe('no answer', () => {
  /** A server that speaks no HTTP. */
  async function rude(
    behave: (socket: Socket) => void,
  ): Promise<{ context: ReturnType<World['context']>; stop: () => Promise<void> }> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      behave(socket);
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    const own = new World({
      api: { kind: 'x', environment: 'test', http: { address: `http://127.0.0.1:${port}` } },
    });
    return {
      context: own.context(),
      stop: async () => {
        for (const socket of sockets) socket.destroy();
        own.remove();
        await new Promise((closed) => server.close(closed));
      },
    };
  }

  test('nobody listens: Unreachable, with the address', async () => {
    const { context, stop } = await rude(() => undefined);
    const { address = '' } = context.targets.get('api').http ?? {};
    await stop();
    const gone = new World({ api: { kind: 'x', environment: 'test', http: { address } } });
    const failure = await failureOf(http(get(), gone.context()));
    expect(failure).toMatchObject({
      type: 'Unreachable',
      message: expect.stringContaining(address),
    });
    gone.remove();
  });

  test('no such host: Unreachable', async () => {
    const own = new World({
      api: { kind: 'x', environment: 'test', http: { address: 'http://no-such-host.invalid' } },
    });
    expect((await failureOf(http(get(), own.context()))).type).toBe('Unreachable');
    own.remove();
  });

  test.each([
    ['a change', { method: 'POST' }, 'OutcomeUnknown'],
    ['a read', { method: 'GET' }, 'NoAnswer'],
    ['declared idempotent', { method: 'POST', idempotent: true }, 'NoAnswer'],
    [
      'with an Idempotency-Key that the service honours',
      { method: 'POST', idempotencyKey: true },
      'NoAnswer',
    ],
  ] as const)('the connection breaks after the request was sent: %s', async (_, change, type) => {
    const { context, stop } = await rude((socket) => socket.once('data', () => socket.destroy()));
    const failure = await failureOf(http(get(change), context));
    expect(failure).toMatchObject({ type, message: expect.stringContaining('may have arrived') });
    await stop();
  });

  test.each([
    ['a change is not asked for again', { method: 'POST' }, 0],
    ['a read is', { method: 'GET' }, 1],
    ['what is idempotent is', { method: 'PUT', idempotent: true }, 1],
  ] as const)('the worker before died after it may have sent: %s', async (_, change, requests) => {
    let count = 0;
    const { context, stop } = await rude((socket) => {
      count += 1;
      socket.destroy();
    });
    const failure = await failureOf(
      http(get(change), { ...context, resumedFrom: 'here', evidence: { sent: 'there' } }),
    );
    expect(count).toBe(requests);
    expect(failure.type).toBe(requests === 0 ? 'OutcomeUnknown' : 'NoAnswer');
    await stop();
  });

  test('the worker before died, and the run has lost its target since: nothing is sent again', async () => {
    let count = 0;
    const { context, stop } = await rude((socket) => {
      count += 1;
      socket.destroy();
    });
    const action = get({ method: 'PUT', idempotent: true });
    const failure = await failureOf(
      http(action, { ...context, resumedFrom: 'here', assertLeaseHeld: refusing }),
    );
    expect(failure).toMatchObject({
      type: 'LeaseLost',
      message: expect.stringContaining('may have acted'),
    });
    expect(count).toBe(0);
    await stop();
  });

  test('what may not be sent twice is noted before it is sent; a worker before that noted nothing has sent nothing', async () => {
    const { context, stop } = await rude((socket) => socket.once('data', () => socket.destroy()));
    const failure = await failureOf(
      http(get({ method: 'POST' }), { ...context, resumedFrom: 'here' }),
    );
    expect(failure).toMatchObject({
      type: 'OutcomeUnknown',
      message: expect.stringContaining('did not answer'),
    });
    expect(context.evidenceKept).toEqual([{ sent: expect.stringContaining('http://127.0.0.1') }]);
    await stop();
  });

  test('taken over by another worker meanwhile: nothing is sent any more', async () => {
    let count = 0;
    const { context, stop } = await rude(() => (count += 1));
    const failure = await failureOf(
      http(get({ method: 'POST' }), { ...context, keepEvidence: () => Promise.resolve(false) }),
    );
    expect(failure.type).toBe('WorkerLost');
    expect(count).toBe(0);
    await stop();
  });

  test.each([
    ['of a change', { method: 'POST' }, 'OutcomeUnknown'],
    ['of a read', { method: 'GET' }, 'StepTimeout'],
    [
      'of a change with an Idempotency-Key',
      { method: 'POST', idempotencyKey: true },
      'StepTimeout',
    ],
  ] as const)('the time is over while nobody answers: the outcome %s', async (_, change, type) => {
    const controller = new AbortController();
    const { context, stop } = await rude((socket) =>
      socket.once('data', () =>
        controller.abort(new StepFailure('StepTimeout', 'it took too long')),
      ),
    );
    expect(
      await failureOf(http(get(change), { ...context, signal: controller.signal })),
    ).toMatchObject({ type });
    await stop();
  });

  test('a worker that lets go says nothing about the outcome: the next one finds what was noted', async () => {
    const controller = new AbortController();
    const { context, stop } = await rude((socket) =>
      socket.once('data', () => controller.abort(new Error('WORKER_SHUTDOWN'))),
    );
    await expect(
      http(get({ method: 'POST' }), { ...context, signal: controller.signal }),
    ).rejects.toThrow('WORKER_SHUTDOWN');
    await stop();
  });

  test('the connection breaks inside the answer: NoAnswer', async () => {
    const { context, stop } = await rude((socket) =>
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this'),
      ),
    );
    expect((await failureOf(http(get(), context))).type).toBe('NoAnswer');
    await stop();
  });

  test('on abort the socket is closed and the reason is thrown', async () => {
    let open: Socket | undefined;
    const { context, stop } = await rude((socket) => {
      open = socket;
    });
    const controller = new AbortController();
    const asked = http(get(), { ...context, signal: controller.signal });
    await until('the connection', () => Promise.resolve(open), 5_000, 10);
    const closed = new Promise((gone) => open?.once('close', gone));
    open?.resume();
    controller.abort(new Error('cancelled by the test'));
    await expect(asked).rejects.toThrow('cancelled by the test');
    await Promise.race([
      closed,
      delay(5_000, undefined, { ref: false }).then(() =>
        Promise.reject(new Error('the socket stayed open')),
      ),
    ]);
    await stop();
  });

  test('an abort inside the answer ends it too', async () => {
    const { context, stop } = await rude((socket) =>
      socket.once('data', () =>
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nbegun'),
      ),
    );
    const controller = new AbortController();
    const asked = http(get(), { ...context, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('cancelled by the test')), 100);
    await expect(asked).rejects.toThrow('cancelled by the test');
    await stop();
  });
});

describe('a picked value is there, or the step fails', () => {
  const answer = (type: string | null, body: string | Buffer, status = 200): void =>
    service.answerWith((_request, response) => {
      response.writeHead(status, type === null ? {} : { 'content-type': type });
      response.end(body);
    });
  const pick = { host: 'master.host' };
  const picked = () => http(get({ pick }), world.context());
  const latin = Buffer.from('{"master":{"host":"caf\xe9"}}', 'latin1');
  const utf16 = Buffer.from('\ufeff{"master":{"host":"café"}}', 'utf16le');

  test.each<[string, string | null, string | Buffer, string]>([
    ['JSON', 'application/json', '{"master":{"host":"db1"}}', 'db1'],
    ['JSON that nobody calls so', null, '{"master":{"host":"db1"}}', 'db1'],
    ['a byte order mark', 'application/json', '\ufeff{"master":{"host":"db1"}}', 'db1'],
    ['latin-1', 'application/json; charset=ISO-8859-1', latin, 'café'],
    ['UTF-16', 'application/json; charset=utf-16', utf16, 'café'],
    [
      'a large number',
      'application/json',
      '{"master":{"host":9007199254740993}}',
      '9007199254740993',
    ],
  ])('%s', async (_what, type, body, host) => {
    answer(type, body);
    await expect(picked()).resolves.toEqual({ host });
  });

  test('null is a value', async () => {
    answer('application/json', '{"master":{"host":null}}');
    await expect(picked()).resolves.toEqual({ host: null });
  });

  const unusable: [string, string | null, string | Buffer, RegExp][] = [
    [
      'a log-in page',
      'text/html',
      `<html>Log in, ${token}</html>`,
      /text\/html, .*no JSON.*<html>Log in, \[secret token\]/,
    ],
    ['nothing', 'application/json', '', /0 bytes.*no JSON/],
    ['JSON without it', 'application/json', '{"error":"gone"}', /no master\.host in it.*gone/],
    ['half of it', 'application/json', '{"master":{"host":"d', /no JSON/],
    ['bytes of another charset', 'application/json', latin, /not utf-8 throughout/],
    [
      'a charset that nobody knows',
      'application/json; charset=klingon',
      '{}',
      /"klingon" is not known/,
    ],
  ];
  test.each(unusable)('%s', async (_what, type, body, message) => {
    answer(type, body);
    const failure = await failureOf(picked());
    expect(failure).toMatchObject({
      type: 'AnswerUnusable',
      message: expect.stringMatching(message),
    });
    expect(failure.message).not.toContain(token);
  });

  test('a part of an answer, for which nobody has asked', async () => {
    service.answerWith((_request, response) => json(response, 206, { master: { host: 'db1' } }));
    expect((await failureOf(picked())).message).toContain('a part of the answer only');
    expect(evaluateAnswer({ cel: 'out.json.master' }, await done(get(), world.context()))).toEqual({
      why: expect.stringContaining('is not whole'),
    });
  });

  test('as it was, each of them became null', () => {
    const before = ([, type, body]: (typeof unusable)[0]): unknown => {
      try {
        const text = Buffer.from(body).toString('utf8');
        return /\bjson\b/.test(type ?? '')
          ? (valueAt(JSON.parse(text), 'master.host') ?? null)
          : null;
      } catch {
        return null;
      }
    };
    const became = unusable.filter((each) => before(each) === null).length;
    process.stdout.write(
      `absent values taken as null: 0 of ${unusable.length}; before: ${became}\n`,
    );
    expect(became).toBeGreaterThan(0);
  });

  test('without a pick the large number and the mark are understood too', async () => {
    answer('application/json', '\ufeff{"id":12345678901234567890}');
    await expect(http(get(), world.context())).resolves.toEqual({
      status: 200,
      json: { id: '12345678901234567890' },
    });
  });
});

describe('bodies of any size', () => {
  const rows = Array.from({ length: 50_000 }, (_, id) => ({ id, note: 'n'.repeat(80) }));
  const big = JSON.stringify({ summary: { rows: rows.length }, rows });

  test('of 5 MB of JSON a step picks what it needs', async () => {
    expect(big.length).toBeGreaterThan(5_000_000);
    service.answerWith((_request, response) => json(response, 200, JSON.parse(big)));
    const output = await http(
      get({ pick: { rows: 'summary.rows', last: 'rows.49999.id' } }),
      world.context(),
    );
    expect(output).toEqual({ rows: 50_000, last: 49_999 });
  });

  test('5 MB without a pick: beginning, size and digest; the whole is kept as output', async () => {
    service.answerWith((_request, response) => json(response, 200, JSON.parse(big)));
    const context = world.context();
    const output = (await http(get(), context)) as { text: string };
    expect(output).toMatchObject({
      status: 200,
      truncated: true,
      bytes: big.length,
      sha256: createHash('sha256').update(big).digest('hex'),
    });
    expect(output.text.length).toBeLessThan(10_000);
    expect(context.printed().equals(Buffer.from(big))).toBe(true);
  });

  test('binary bodies become text that JSON and databases take, with the digest of what came', async () => {
    const binary = Buffer.concat([Buffer.from([0, 255, 254, 0]), randomBytes(20_000)]);
    service.answerWith((_request, response) =>
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(binary),
    );
    const output = (await http(get(), world.context())) as { text: string };
    expect(output).toMatchObject({
      bytes: binary.length,
      sha256: createHash('sha256').update(binary).digest('hex'),
    });
    expect(output.text).not.toContain('\0');
    expect(JSON.parse(JSON.stringify(output))).toEqual(output);
  });

  test.each([
    ['no body', 204, undefined, ''],
    ['plain text', 200, 'text/plain', 'hello'],
    ['JSON that is none', 200, 'application/json', '{"a":'],
  ])('%s', async (_what, status, type, body) => {
    service.answerWith((_request, response) =>
      response.writeHead(status, type ? { 'content-type': type } : {}).end(body),
    );
    await expect(http(get(), world.context())).resolves.toMatchObject({
      status,
      text: body,
      truncated: false,
      bytes: body.length,
    });
  });

  test('the token does not come back in the text of an answer', async () => {
    service.answerWith((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/plain' }).end(`you sent ${token}`),
    );
    await expect(http(get(), world.context())).resolves.toMatchObject({
      text: 'you sent [secret token]',
    });
  });
});

describe('text arrives as it is', () => {
  test.each(hostile)('%j in path, query and body', async (payload) => {
    await http(
      get({
        method: 'POST',
        path: '/a/{p}/b',
        params: { p: payload },
        query: { q: payload },
        json: { v: payload },
      }),
      world.context(),
    );
    const { url = '', headers = {}, body = '' } = service.received[0] ?? {};
    const [path = '', query = ''] = url.split('?');
    expect(decodeURIComponent(path.split('/')[3] ?? '')).toBe(payload);
    expect(new URLSearchParams(query).get('q')).toBe(payload);
    expect(JSON.parse(body)).toEqual({ v: payload });
    expect(headers).not.toHaveProperty('x-injected');
  });

  test('any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1 }), async (text) => {
        fc.pre(text !== '.' && text !== '..');
        await http(
          get({ path: '/a/{p}', params: { p: text }, query: { q: text } }),
          world.context(),
        );
        const [path = '', query = ''] = (service.received.at(-1)?.url ?? '').split('?');
        expect(decodeURIComponent(path.split('/')[3] ?? '')).toBe(text);
        expect(new URLSearchParams(query).get('q')).toBe(text);
      }),
      { numRuns: 50 },
    );
  });
});

test('a step names another address of its target, and no address that it has not', async () => {
  const get = (address: string) =>
    http({ kind: 'http', target: 'api', method: 'GET', path: '/x', address }, world.context());
  service.received.length = 0;
  await get('probe');
  await get('main');
  expect(service.received.map(({ url }) => url)).toEqual(['/probe/x', '/base/x']);
  expect(await failureOf(get('gone'))).toMatchObject({
    type: 'Configuration',
    message: 'target api has no address called gone',
  });
});
