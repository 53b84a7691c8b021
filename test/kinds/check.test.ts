import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { check } from '../../activities/check.js';
import { command } from '../../activities/command.js';
import { http } from '../../activities/http.js';
import { sql } from '../../activities/sql.js';
import { StepFailure } from '../../activities/failure.js';
import type { CheckAction } from '../../language/kinds/check.js';
import { until } from '../../lab/until.js';
import { failureOf, json, Service, World, type Recorded } from './world.js';
import { atThisPace } from '../../embedded/pace.js';

let service: Service;
let world: World;

beforeAll(async () => {
  service = await Service.start();
  world = new World({
    api: { kind: 'x', environment: 'test', http: { address: service.address } },
  });
});

afterAll(async () => {
  await service.stop();
  world.remove();
});

const action: CheckAction = {
  kind: 'check',
  probe: {
    kind: 'http',
    target: 'api',
    method: 'GET',
    path: '/job',
    pick: { status: 'status', percent: 'percent' },
  },
  until: { cel: 'out.status == "completed"' },
  failWhen: { cel: 'out.status in ["failed", "stopped"]' },
  everyMs: 10,
  progress: ['status', 'percent'],
};

const ask = (context: Recorded, changes: Partial<CheckAction> = {}) =>
  check({ ...action, ...changes }, context, { command, sql, http });

/** Answers one status after the other, the last one for ever. */
function answering(...statuses: (string | number)[]): void {
  let next = 0;
  service.answerWith((_request, response) => {
    const status = statuses[Math.min(next, statuses.length - 1)];
    next += 1;
    if (typeof status === 'number')
      json(response, status, { error: { message: `trouble ${status}` } });
    else json(response, 200, { status, percent: next });
  });
}

/** An attempt whose time is over after `ms`, as the engine ends it. */
function limited(ms: number): { context: Recorded; clear: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new StepFailure('StepTimeout', 'the time is over')),
    // What was last seen is in the message: there has to be time to see something.
    atThisPace(ms),
  );
  return {
    context: world.context({ signal: controller.signal, timeoutMs: ms }),
    clear: () => clearTimeout(timer),
  };
}

test('asks until the condition holds, shows progress, and answers with the last answer', async () => {
  answering('queued', 'running', 'completed');
  const context = world.context();
  await expect(ask(context)).resolves.toEqual({ status: 'completed', percent: 3, polls: 3 });
  expect(context.shown).toEqual([
    { polls: 1, status: 'queued', percent: 1 },
    { polls: 2, status: 'running', percent: 2 },
  ]);
});

test('what cannot come any more ends it at once', async () => {
  answering('running', 'failed', 'completed');
  const failure = await failureOf(ask(world.context()));
  expect(failure).toMatchObject({
    type: 'CheckFailed',
    message: expect.stringContaining('"failed"'),
  });
  expect(service.received).toHaveLength(2);
});

test('has to hold in polls in a row: what comes between, and no answer, begin anew', async () => {
  answering('completed', 'queued', 'completed', 503, 'completed', 'completed', 'completed');
  const context = world.context();
  await expect(ask(context, { consecutive: 3 })).resolves.toMatchObject({ polls: 7 });
  expect(context.shown[0]).toMatchObject({ true: '1 of 3 times' });
});

test('has to hold for a time, from the first poll in which it did', async () => {
  answering('completed', 'queued', 'completed');
  const begun = performance.now();
  const context = world.context();
  const answer = await ask(context, { forMs: 300, everyMs: 20 });
  expect(performance.now() - begun).toBeGreaterThanOrEqual(300);
  expect(answer).toMatchObject({ status: 'completed' });
  expect(context.shown[0]).toMatchObject({ true: 'for 0 s of 0.3 s' });
  expect(context.shown[1]).not.toHaveProperty('true');
});

test('a time-out says for how long it was to hold', async () => {
  answering('completed');
  const { context, clear } = limited(100);
  const failure = await failureOf(ask(context, { forMs: 60_000, consecutive: 2 }));
  clear();
  expect(failure.message).toMatch(/"completed", 2 times in a row, for 1 min/);
});

test('what cannot be told asks people at once, whether or not it holds', async () => {
  const inconclusiveWhen = { cel: 'out.percent > 1' };
  answering('completed', 'completed');
  const failure = await failureOf(ask(world.context(), { consecutive: 3, inconclusiveWhen }));
  expect(failure).toMatchObject({
    type: 'Inconclusive',
    message: 'it cannot be told: out.percent > 1',
  });
  expect(service.received).toHaveLength(2);
});

test('passing trouble is tolerated and shown', async () => {
  answering(503, 500, 'completed');
  const context = world.context();
  await expect(ask(context)).resolves.toMatchObject({ status: 'completed', polls: 3 });
  expect(context.shown[0]).toMatchObject({
    polls: 1,
    trouble: expect.stringContaining('503: trouble 503'),
  });
});

test.each([
  [401, 'HttpDenied'],
  [404, 'HttpRejected'],
])('%i, which no waiting can change, ends it at once', async (status, type) => {
  answering(status);
  expect((await failureOf(ask(world.context()))).type).toBe(type);
  expect(service.received).toHaveLength(1);
});

test('a time-out says what was waited for and what was last seen', async () => {
  answering('running');
  const { context, clear } = limited(300);
  const failure = await failureOf(ask(context));
  clear();
  expect(failure.type).toBe('StepTimeout');
  expect(failure.message).toMatch(/0\.3 s.*out\.status == "completed".*last seen: .*"running"/);
});

test('a limit of its own ends it before the attempt is over', async () => {
  answering('running');
  const failure = await failureOf(ask(world.context({ timeoutMs: 600_000 }), { limitMs: 100 }));
  expect(failure).toMatchObject({
    type: 'StepTimeout',
    message: expect.stringContaining('waited 0.1 s in vain until') as unknown,
  });
});

test('a time-out in the middle of an answer that does not come says so too', async () => {
  service.answerWith(() => undefined);
  const { context, clear } = limited(300);
  const failure = await failureOf(ask(context));
  clear();
  expect(failure).toMatchObject({
    type: 'StepTimeout',
    message: expect.stringContaining('nothing was answered yet'),
  });
});

test('a page of something else is waited out, and told when it stays', async () => {
  let asked = 0;
  service.answerWith((_request, response) => {
    asked += 1;
    if (asked > 2) return json(response, 200, { status: 'completed', percent: 100 });
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<html>starting</html>');
  });
  await expect(ask(world.context())).resolves.toMatchObject({ status: 'completed', polls: 3 });
  service.answerWith((_request, response) => void response.end('<html>starting</html>'));
  const { context, clear } = limited(300);
  const failure = await failureOf(ask(context));
  clear();
  expect(failure.message).toMatch(/last seen: .*no JSON.*<html>starting/);
});

test('what is absent is neither met nor lost: it is waited for, and told', async () => {
  const probe: CheckAction['probe'] = { kind: 'http', target: 'api', method: 'GET', path: '/job' };
  service.answerWith((_request, response) => json(response, 200, { state: 'up' }));
  const { context, clear } = limited(300);
  const failure = await failureOf(
    ask(context, {
      probe,
      until: { cel: 'out.json.health != "degraded"' },
      failWhen: { cel: 'out.json.error != "none"' },
      progress: [],
    }),
  );
  clear();
  expect(failure).toMatchObject({
    type: 'StepTimeout',
    message: expect.stringMatching(/there is no out\.json\.health; there is no out\.json\.error/),
  });
});

test('a cancellation stays one', async () => {
  answering('running');
  const controller = new AbortController();
  const context = world.context({ signal: controller.signal });
  const asked = ask(context, { everyMs: 60_000 });
  await until('the first answer', () => Promise.resolve(context.shown.length === 1), 5_000, 10);
  controller.abort(new Error('cancelled by the test'));
  await expect(asked).rejects.toThrow('cancelled by the test');
});

test('a command can be asked as well, and its polls are no output', async () => {
  const context = world.context();
  const output = await ask(context, {
    probe: { kind: 'command', argv: ['sh', '-c', 'echo asked'] },
    until: { cel: 'out.exitCode == 0' },
    progress: [],
  });
  expect(output).toMatchObject({ exitCode: 0, stdout: 'asked\n', polls: 1 });
  expect(context.printed().length).toBe(0);
});
