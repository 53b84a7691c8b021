import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { JsonObject } from '../../language/json.js';
import { Engine } from '../helpers/engine.js';

/*
 * Loops over objects, some of whose items may fail, and which end once it is enough. The worker
 * compares each step with the plan, so it has to see the same items.
 */

const runbook = `
runbook: go-through
version: 1.0.0
title: Go through what there is
type: MAINTENANCE
priority: LOW
owner: sre
inputs:
  things: { type: list, of: { name: text, code: integer }, description: With the code that each ends with }
  most: { type: integer, default: 9, description: So much is enough }
  hosts: { type: list, of: target, kind: host, default: all, description: Hosts }
steps:
  - id: each
    title: Each of them
    forEach: \${inputs.things}
    as: thing
    key: item.name + ":" + string(thing.code)
    maxFailures: 50%
    steps:
      - { id: try, script: 'echo "$1"; exit "$2"', args: ["\${thing.name}", "\${item.code}"], effect: read, retry: 1 }
      - { id: told, set: { said: steps.try.stdout.trim() } }
  - id: some
    title: Until it is enough
    forEach: \${inputs.things}
    key: item.name
    stopWhen: steps.count.n >= inputs.most
    steps:
      - { id: count, set: { n: "item.code + 1" } }
      - { id: done, command: "echo \${steps.count.n}", effect: read }
  - id: where
    title: Where
    forEach: \${inputs.hosts}
    as: one
    key: one.host
    steps: [{ id: say, command: "echo \${one.host} \${item.name}", effect: read, runsOn: "\${one}" }]
  - id: last
    title: What came of it
    when: steps.each.ok || steps.each.failed
    command: echo \${steps.each.items.filter(x, x.ok).map(x, x.told.said).join(",")} \${steps.each.items.filter(x, !x.ok).map(x, x.key).join(",")} \${steps.some.last.count.n} \${size(steps.some.items)} \${steps.where.items[0].say.stdout.trim()}
    effect: read
outputs:
  words: steps.last.stdout.trim()
`;

const kinds = 'kinds:\n  host: { facts: { host: text } }\n';
const targets = `
targets:
  box: { kind: host, environment: test, isolated: true, facts: { host: here-1 } }
`;

let engine: Engine;
beforeAll(async () => {
  // The runs continue as new in the middle of their loops.
  engine = await Engine.start({
    border: { events: 40, bytes: 10_000_000, signals: 500 },
    library: { 'go-through.runbook.yaml': runbook, 'kinds.yaml': kinds },
    ...{ targets, settings: { RUNBOOK_HOST: 'here-1' } },
  });
}, 60_000);
afterAll(async () => {
  await engine?.stop();
});

/** The run under its id, whichever of its executions is the present one. */
async function start(inputs: JsonObject) {
  const { workflowId } = await engine.run('go-through', inputs);
  return engine.client.workflow.getHandle(workflowId);
}

const things = (codes: readonly number[]) => codes.map((code, at) => ({ name: `t${at}`, code }));

test('some items fail, and the others go on; later steps see which', async () => {
  const run = await start({ things: things([0, 1, 0, 2]), most: 2 });
  const view = await engine.ended(run);
  const runs = engine.client.workflow.list({ query: `WorkflowId = "${run.workflowId}"` });
  const executions = new Set<string>();
  for await (const { runId } of runs) executions.add(runId);
  expect(executions.size).toBeGreaterThan(1);
  expect(view).toMatchObject({
    state: 'succeeded',
    outputs: { words: 't0,t2 t1:1,t3:2 2 2 here-1 box' },
  });
  const states = Object.fromEntries(view.steps.map(({ id, state }) => [id, state]));
  expect(states).toMatchObject({
    ...{ 'each/t1:1/try': 'failed', 'each/t0:0/told': 'succeeded', each: 'succeeded' },
    ...{ 'some/t1/done': 'succeeded', 'some/t2/done': 'not-needed', 'some/t3/count': 'not-needed' },
  });
  expect(states).not.toHaveProperty('each/t1:1/told');
}, 60_000);

test('one failure more than may be asks people, and with their answer the run goes on', async () => {
  const run = await start({ things: things([0, 1, 3, 2]) });
  const waiting = await engine.waiting(run);
  expect(waiting).toMatchObject({
    kind: 'failure',
    id: expect.stringMatching(/^each\/t\d:\d\/try$/),
  });
  const skip = await engine.decision(run, { verb: 'skip' });
  expect(await engine.send(run, skip)).toMatchObject({ accepted: true });
  const view = await engine.asksOrEnds(run);
  // Nothing is known of what was skipped, and what reads it asks.
  expect(view.waitingFor).toMatchObject([{ id: waiting.id.replace('try', 'told') }]);
  const done = await engine.decision(run, { verb: 'done', outputs: { said: 'nothing' } });
  expect(await engine.send(run, done)).toMatchObject({ accepted: true });
  expect(await engine.ended(run)).toMatchObject({ state: 'succeeded-with-exceptions' });
}, 60_000);

test.each<[string, object[]]>([
  [
    'two items of one name',
    [
      { name: 'a', code: 0 },
      { name: 'a', code: 0 },
    ],
  ],
  ['a name that is no part of a path', [{ name: 'a/b', code: 0 }]],
])(
  '%s asks people, in words',
  async (_what, given) => {
    const run = await start({ things: given as never });
    const message = 'step each needs a list of different keys';
    expect(await engine.waiting(run)).toMatchObject({
      ...{ id: 'each', kind: 'failure' },
      evidence: { 'what happened': expect.stringContaining(message) as unknown },
    });
    const abort = await engine.decision(run, { verb: 'abort' });
    expect(await engine.send(run, abort)).toMatchObject({ accepted: true });
    expect(await engine.ended(run)).toMatchObject({ state: 'failed' });
  },
  60_000,
);
