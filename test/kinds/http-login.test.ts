import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { http } from '../../activities/http.js';
import type { HttpAction } from '../../language/kinds/http.js';
import { failureOf, json, Service, World } from './world.js';

/* A target whose user and password are exchanged for a token. */

const password = 'open-sesame-please';
let service: Service;
let world: World;
/** How often somebody has logged in; the newest token counts. */
let logins = 0;

beforeAll(async () => {
  service = await Service.start();
  const login = (more: object = {}) => ({
    ...{ kind: 'x', environment: 'test' },
    http: {
      address: service.address,
      login: { path: '/auth/token', user: 'ops', password: 'pass', token: 'access_token', ...more },
    },
  });
  world = new World(
    { api: login(), other: login({ token: 'jwt' }), moved: login({ path: '/nowhere' }) },
    { pass: { from: 'file:pass', targets: ['api', 'other', 'moved'] } },
  );
});

beforeEach(() => {
  world.secret('pass', password);
  service.answerWith((request, response) => {
    if (request.url === '/nowhere') return json(response, 404, {});
    if (request.url !== '/auth/token') {
      const isNewest = request.headers['authorization'] === `Bearer token-number-${logins}`;
      return json(response, isNewest ? 200 : 401, { asked: request.headers['authorization'] });
    }
    if (!request.body.includes(JSON.stringify(password))) return json(response, 401, {});
    logins += 1;
    return json(response, 201, { access_token: `token-number-${logins}` });
  });
});

afterAll(async () => {
  await service.stop();
  world.remove();
});

const get = (target = 'api', changes: Partial<HttpAction> = {}): HttpAction => ({
  ...{ kind: 'http', target, method: 'GET', path: '/x' },
  ...changes,
});
const logInsSeen = (): number => service.received.filter(({ url }) => url === '/auth/token').length;

test('it logs in once, with user and password as JSON, and the token is hidden as a secret is', async () => {
  const context = world.context();
  const answer = await http(get(), context);
  expect(JSON.parse(service.received[0]?.body ?? '')).toEqual({ username: 'ops', password });
  expect(JSON.stringify(context.secrets.exit.output(answer))).not.toContain('token-number');
  await http(get(), world.context());
  expect(logInsSeen()).toBe(1);
});

test('a token that is refused is got again, once, also for a change that may not be repeated', async () => {
  await http(get(), world.context());
  logins += 1; // The token of before is worth nothing now.
  await http(get('api', { method: 'POST', json: {} }), world.context());
  expect(service.received.at(-1)?.headers['authorization']).toBe(`Bearer token-number-${logins}`);
  service.answerWith((request, response) =>
    json(response, request.url === '/auth/token' ? 201 : 401, { access_token: 'worthless' }),
  );
  expect(await failureOf(http(get(), world.context()))).toMatchObject({ type: 'HttpDenied' });
});

test.each([
  [
    'a wrong password',
    'api',
    'not-the-password',
    'HttpDenied',
    'answered 401 to the log-in of ops',
  ],
  ['a path without a log-in', 'moved', password, 'HttpDenied', 'answered 404 to the log-in of ops'],
  ['another field', 'other', password, 'AnswerUnusable', 'there is no jwt in it'],
])('%s is told, without the password', async (_what, target, given, type, said) => {
  await http(get(), world.context()).catch(() => undefined);
  logins += 1;
  world.secret('pass', given);
  const failure = await failureOf(http(get(target), world.context()));
  expect(failure).toMatchObject({ type, message: expect.stringContaining(said) });
  expect(`${failure.message} ${failure.extra.next}`).not.toContain(given);
});
