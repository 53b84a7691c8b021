import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { JsonObject } from '../../language/json.js';
import { Engine } from '../helpers/engine.js';

/*
 * What is temporary is taken back when its group ends, however that ends; in runs that continue as
 * new in the middle of it.
 */

const note = (what: string): string =>
  `script: 'echo "$1" >> "$2"; echo "$1"', args: [${what}, "\${inputs.file}"]`;
const step = (id: string, more = ''): string =>
  `{ id: ${id}, ${note(`"on ${id}"`)}, effect: change, undo: { ${note(`"off ${id}"`)} }${more} }`;

const runbook = `
runbook: for-a-while
version: 1.0.0
title: For a while
type: MAINTENANCE
priority: LOW
owner: sre
inputs:
  file: { type: text, pattern: "/[a-z/A-Z0-9_.-]+", description: Where the steps leave a line }
  fails: { type: boolean, default: false, description: The work fails }
steps:
  - ${step('outer', ', temporary: true, title: Around it')}
  - id: group
    title: The work
    steps:
      - ${step('inner', ', temporary: true')}
      - ${step('stays')}
      - { id: each, forEach: [a, b], concurrency: 1, steps: [${step('item', ', temporary: true')}, ${step('work')}] }
      - { id: reads, ${note('"${steps.inner.stdout.trim()} again"')}, effect: read }
      - { id: stop, fail: { when: inputs.fails, message: enough } }
  - { id: after, title: After it, ${note('"after ${steps.group.inner.stdout.trim()}"')}, effect: read }
`;

let engine: Engine;
let count = 0;
beforeAll(async () => {
  engine = await Engine.start({
    border: { events: 40, bytes: 10_000_000, signals: 500 },
    library: { 'for-a-while.runbook.yaml': runbook },
  });
}, 60_000);
afterAll(async () => {
  await engine?.stop();
});

async function start(inputs: JsonObject) {
  count += 1;
  const file = engine.path(`lines${count}`);
  const { workflowId } = await engine.run('for-a-while', { file, ...inputs });
  const run = engine.client.workflow.getHandle(workflowId);
  const lines = async () => (await readFile(file, 'utf8')).trim().split('\n');
  return { run, lines };
}

const work = [
  ...['on outer', 'on inner', 'on stays'],
  ...['on item', 'on work', 'off item', 'on item', 'on work', 'off item', 'on inner again'],
];

test('it is taken back when its group has ended, once, and later steps know what it answered', async () => {
  const { run, lines } = await start({});
  expect(await engine.ended(run)).toMatchObject({ state: 'succeeded' });
  expect(await lines()).toEqual([...work, 'off inner', 'after on inner', 'off outer']);
}, 60_000);

test.each(['rollback', 'abort'] as const)(
  'people end it with %s',
  async (verb) => {
    const { run, lines } = await start({ fails: true });
    const decision = await engine.decision(run, { verb });
    expect(await engine.send(run, decision)).toMatchObject({ accepted: true });
    const view = await engine.ended(run);
    expect(view.state).toBe(verb === 'abort' ? 'failed' : 'rolled-back');
    const back = ['off inner', 'off outer', 'off work', 'off work', 'off stays'];
    expect(await lines()).toEqual(verb === 'abort' ? work : [...work, ...back]);
  },
  60_000,
);

test('a run that is cancelled takes it back, too', async () => {
  const { run, lines } = await start({ fails: true });
  await engine.waiting(run);
  const cancel = { version: 1 as const, id: `cancel-${run.workflowId}`, run: run.workflowId };
  await engine.send(run, { ...cancel, verb: 'cancel', by: 'requester', reason: 'wrong night' });
  expect(await engine.ended(run)).toMatchObject({ state: 'cancelled' });
  const back = ['off inner', 'off outer', 'off work', 'off work', 'off stays'];
  expect(await lines()).toEqual([...work, ...back]);
}, 60_000);
