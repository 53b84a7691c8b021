import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { troubleOf } from '../../client/trouble.js';
import { until } from '../../lab/until.js';
import { getAttempts } from '../../store/index.js';
import { Engine } from '../helpers/engine.js';

/*
 * Steps that say on which host they run, with workers of several hosts: their commands, requests
 * of theirs, what undoes them.
 */

const runbook = `
runbook: reach
version: 1.0.0
title: Does it reach it from both sides
type: TROUBLESHOOTING
priority: LOW
owner: sre
inputs:
  from: { type: target, kind: service, description: The side that connects }
  to: { type: target, kind: service, description: The side that is reached }
  rounds: { type: list, of: text, default: [a, b, c, d, e, f], description: How often }
steps:
  - id: each
    title: Again and again
    forEach: \${inputs.rounds}
    steps:
      - { id: near, command: "echo \${item}", effect: read, runsOn: from }
      - { id: far, command: "echo \${item}", effect: read, runsOn: to, until: out.exitCode == 0, timeout: 10s }
  - id: mark
    title: Leave a mark
    command: "true"
    effect: change
    runsOn: from
    undo: { command: "true" }
  - { id: stop, title: Stop, fail: { message: enough }, onFailure: rollback }
`;

const host = (name: string, facts: string): string =>
  `  ${name}: { kind: service, environment: test, isolated: true, facts: { ${facts} } }\n`;
const targets = `targets:\n${host('app', 'host: app-1')}${host('db', 'host: db-1')}${host(
  'far',
  'host: far-1',
)}${host('lost', 'port: 1')}${host('odd', 'host: "a b"')}`;

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start({
    ...{ targets, later: true, library: { 'reach.runbook.yaml': runbook } },
  });
  await Promise.all(['app-1', 'db-1'].map(startWorker));
}, 60_000);
afterAll(async () => {
  await engine?.stop();
});

const startWorker = (name: string) =>
  engine.startWorker({ RUNBOOK_HOST: name, RUNBOOK_JOURNALS: engine.path(`journals-${name}`) });

async function hostsOf(run: string): Promise<string[]> {
  const attempts = await getAttempts(engine.pool, run);
  return attempts.map(({ step, undo, host: where }) => `${undo ? 'undo ' : ''}${step} ${where}`);
}

test('each runs where it says, and so does its undo', async () => {
  const run = await engine.run('reach', { from: 'app', to: 'db' });
  const view = await engine.ended(run);
  expect(view).toMatchObject({ state: 'rolled-back' });
  const expected = ['a', 'b', 'c', 'd', 'e', 'f'].flatMap((item) => [
    `each/${item}/near app-1`,
    `each/${item}/far db-1`,
  ]);
  expect((await hostsOf(run.workflowId)).sort()).toEqual(
    [...expected, 'mark app-1', 'undo mark app-1'].sort(),
  );
}, 60_000);

test('it waits for a worker there, and says so', async () => {
  const run = await engine.run('reach', { from: 'app', to: 'far', rounds: ['a'] });
  const row = await until('the step to say so', async () => {
    const view = await engine.status(run).catch(() => undefined);
    return view?.steps.find(({ id, error }) => id === 'each/a/far' && error !== null);
  });
  expect(row).toMatchObject({
    ...{ state: 'running', attempts: 0 },
    error: {
      type: 'NoWorker',
      message: 'has to run on host far-1, and no worker there has taken it',
    },
  });
  // What `doctor` and `status` say of it, from Temporal alone.
  const trouble = await until('it to have waited for a while', async () =>
    troubleOf(undefined as never, await run.describe()),
  );
  expect(trouble).toMatchObject({
    ...{ type: 'NoWorker', next: expect.stringContaining('start a worker on far-1') },
    message: 'step each/a/far has to run on host far-1, and no worker there has taken it',
  });
  await startWorker('far-1');
  expect(await engine.ended(run)).toMatchObject({ state: 'rolled-back' });
  expect(await hostsOf(run.workflowId)).toContain('each/a/far far-1');
}, 90_000);

test.each([
  [
    'lost',
    'step each/far runs on the host that inputs.to.host names, but the target has no fact `host`',
  ],
  ['odd', 'step each/far runs on the host "a b", which is not a host name'],
])('a target that has no host is refused before anything starts: %s', async (to, message) => {
  const admission = await engine.admission('reach', { from: 'app', to });
  expect(admission).toMatchObject({ admitted: false, problem: { message } });
});
