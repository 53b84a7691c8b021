import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Engine } from '../helpers/engine.js';

/*
 * Nested runbooks whose failure is their answer, what they answer otherwise, and what is looked at
 * before anything begins. The worker has to see the same as the run.
 */

const head = (kind: string, id: string): string =>
  `${kind}: ${id}\nversion: 1.0.0\ntitle: ${id}\nowner: sre\n`;

const files = {
  'part-look.runbook.yaml': `${head('part', 'part-look')}
inputs:
  code: { type: integer, description: What the probe ends with }
  is_refused: { type: boolean, default: false, description: It says itself that it fails }
steps:
  - id: inner
    title: Look inside
    steps:
      - { id: refuse, fail: { when: inputs.is_refused, message: "code \${inputs.code} is refused" } }
      - { id: probe, script: 'echo probed; exit "$1"', args: ["\${inputs.code}"], effect: read, retry: 1 }
  - { id: then, title: And then, command: "echo \${steps.inner.probe.stdout.trim()}", effect: read }
outputs:
  seen: steps.then.stdout.trim()
`,
  'look-around.runbook.yaml': `${head('runbook', 'look-around')}
type: MAINTENANCE
priority: LOW
inputs:
  code: { type: integer, description: What the probe ends with }
  is_refused: { type: boolean, default: false, description: The part says that it fails }
  limit: { type: duration, default: 30s, description: How long a probe may take }
  is_ready: { type: boolean, default: true, description: It may begin }
prerequisites:
  - It is a quiet hour.
  - { title: It may begin, command: "echo \${inputs.is_ready}", effect: read, expect: { match: "true", message: it is not ready } }
steps:
  - { id: part, title: Look, runbook: part-look, with: { code: "\${inputs.code}", is_refused: "\${inputs.is_refused}" }, onFailure: capture }
  - id: way
    title: What it has found
    branch:
      - { case: well, when: steps.part.ok, steps: [{ id: say, command: "echo \${steps.part.seen}", effect: read, timeout: "\${inputs.limit}" }] }
      - { case: failed, steps: [{ id: say, command: "echo \${steps.part.error.type}: \${steps.part.error.message}", effect: read, timeout: "\${inputs.limit}" }] }
outputs:
  words: steps.way.say.stdout.trim()
`,
};

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start({ library: files });
}, 60_000);
afterAll(async () => {
  await engine?.stop();
});

test.each<[string, object, string, string]>([
  ['goes well', { code: 0 }, 'probed', 'succeeded'],
  ['fails', { code: 3 }, 'CommandFailed: sh ended with exit code 3: probed', 'not-needed'],
  [
    'says that it fails',
    { code: 0, is_refused: true },
    'RunbookFailed: code 0 is refused',
    'not-needed',
  ],
])(
  'a nested runbook that %s answers so, and nobody is asked',
  async (_what, given, words, then) => {
    const run = await engine.run('look-around', given as never);
    const view = await engine.ended(run);
    expect(view).toMatchObject({ state: 'succeeded', outputs: { words } });
    const states = Object.fromEntries(view.steps.map(({ id, state }) => [id, state]));
    expect(states).toMatchObject({ 'prerequisites/look_1': 'succeeded', 'part/then': then });
  },
  60_000,
);

test('what is looked at first keeps the rest from beginning, and says why', async () => {
  const run = await engine.run('look-around', { code: 0, is_ready: false });
  const view = await engine.asksOrEnds(run);
  expect(view.waitingFor).toMatchObject([{ kind: 'failure', id: 'prerequisites/look_1' }]);
  expect(view.steps.filter(({ state }) => state === 'succeeded')).toEqual([]);
  expect(view.steps.find(({ id }) => id === 'prerequisites/look_1')?.error?.message).toContain(
    'it is not ready',
  );
  await run.terminate();
}, 60_000);

test('a limit that is longer than a week asks people, in words', async () => {
  const run = await engine.run('look-around', { code: 0, limit: '8d' });
  const message = 'which is no duration of at most a week';
  expect(await engine.waiting(run)).toMatchObject({
    ...{ kind: 'failure', id: 'way/well/say' },
    evidence: { 'what happened': expect.stringContaining(message) as unknown },
  });
  const retry = await engine.decision(run, { verb: 'retry', inputs: { limit: '10s' } });
  expect(await engine.send(run, retry)).toMatchObject({ accepted: true });
  await engine.client.workflow.getHandle(run.workflowId).result();
  expect(await engine.status(run)).toMatchObject({ state: 'succeeded' });
}, 60_000);
