import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { notify } from '../../activities/notify.js';
import { failureOf, json, Service, World } from './world.js';

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
    { hook: { from: 'file:hook', targets: ['oncall'] } },
  );
  world.secret('hook', 'sesame-hook');
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
