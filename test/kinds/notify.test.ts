import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { http } from '../../activities/http.js';
import { notify } from '../../activities/notify.js';
import { failureOf, json, Service, World } from './world.js';

/** The secret of another step, which said too much. */
const canary = 'kL3$mN8/pQ2+rS7';

let service: Service;
let world: World;

beforeAll(async () => {
  service = await Service.start();
  world = new World(
    {
      oncall: {
        kind: 'webhook',
        environment: 'test',
        http: { address: `${service.address}/hooks/oncall`, bearer: 'hook' },
      },
    },
    {
      hook: { from: 'file:hook', targets: ['oncall'] },
      database: { from: 'file:database', targets: ['elsewhere'] },
      missing: { from: 'file:missing', targets: ['elsewhere'] },
    },
  );
  world.secret('hook', 'sesame-hook');
  world.secret('database', canary);
});

afterAll(async () => {
  await service.stop();
  world.remove();
});

test('a message is posted to the webhook, with the key that makes a repetition harmless', async () => {
  service.answerWith((_request, response) => json(response, 200, { ok: true }));
  const output = await notify(
    { kind: 'notify', target: 'oncall', text: 'recovered', fields: { rows: 7 } },
    world.context(),
  );
  expect(output).toMatchObject({ sent: true, to: 'oncall' });
  expect(service.received).toMatchObject([
    {
      method: 'POST',
      url: '/hooks/oncall',
      headers: {
        authorization: 'Bearer sesame-hook',
        'idempotency-key': 'run-1/step-1',
        'content-type': 'application/json',
      },
    },
  ]);
  expect(JSON.parse(service.received[0]?.body ?? '')).toEqual({
    text: 'recovered',
    run: 'run-1',
    step: 'step-1',
    fields: { rows: 7 },
  });
});

test('without a channel it is kept, and said that it was not sent', async () => {
  const context = world.context();
  await expect(notify({ kind: 'notify', text: 'recovered' }, context)).resolves.toMatchObject({
    sent: false,
    message: { text: 'recovered' },
  });
  expect(context.printed().toString()).toBe('recovered\n');
});

test('a webhook that refuses fails the step as any http step', async () => {
  service.answerWith((_request, response) => json(response, 403, {}));
  expect(
    (await failureOf(notify({ kind: 'notify', target: 'oncall', text: 'x' }, world.context())))
      .type,
  ).toBe('HttpDenied');
  service.answerWith((_request, response) => json(response, 500, {}));
  expect(
    (await failureOf(notify({ kind: 'notify', target: 'oncall', text: 'x' }, world.context())))
      .type,
  ).toBe('HttpUnavailable');
});

test('no secret that the worker knows leaves in a message; unguarded, each one does', async () => {
  service.answerWith((_request, response) => json(response, 200, { ok: true }));
  const said = [
    canary,
    encodeURIComponent(canary),
    Buffer.from(canary).toString('base64'),
    'sesame-hook',
  ];
  const text = said.join(' ');
  const fields = Object.fromEntries(said.map((each) => [each, { told: [each] }]));
  const output = await notify({ kind: 'notify', target: 'oncall', text, fields }, world.context());
  const kept = await notify({ kind: 'notify', text, fields }, world.context());
  const bodies = service.received.map(({ body }) => body);
  const leaked = said.filter((each) =>
    [...bodies, JSON.stringify([output, kept])].join().includes(each),
  );

  // The same body by a step whose text is its author's own: nothing is taken out of it.
  const request = {
    kind: 'http',
    target: 'oncall',
    method: 'POST',
    path: '',
    json: { text, fields },
  } as const;
  await http({ ...request, idempotencyKey: true }, world.context());
  const open = said.filter((each) => service.received.at(-1)?.body.includes(each));
  process.stderr.write(`message: ${leaked.length} secrets leave; guard off: ${open.length}\n`);
  expect(leaked).toEqual([]);
  expect(open).toEqual(said);
  expect(service.received[0]?.headers.authorization).toBe('Bearer sesame-hook');
  expect(bodies[0]).toContain('[secret database] [secret database]');
});
