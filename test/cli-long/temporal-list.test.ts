import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import type { StartEnvelope } from '../../common/envelope.js';
import type { RunSummary, RunView } from '../../common/view.js';
import { atThisPace } from '../../embedded/pace.js';
import { until } from '../../lab/until.js';
import { World } from '../cli/world.js';

/*
 * What people find in Temporal's own list and pages: runs, without helpers, and no stack traces.
 */

/** Shorter than a worker's own. */
const keptMs = atThisPace(10_000);

let world: World;
beforeAll(async () => {
  // First no worker deletes any.
  world = await World.start({ worker: { launchesKeptMs: 3_600_000 } });
}, 60_000);
afterAll(() => world?.stop());

async function hasNoLaunches(): Promise<boolean> {
  const query = `WorkflowType = 'launch' AND TaskQueue = '${world.taskQueue}'`;
  for await (const _found of world.client.workflow.list({ query })) return false;
  return true;
}

/** As the command line and schedules start it, by somebody who does not come back. */
async function launch(verb: StartEnvelope['verb'], inputs: StartEnvelope['inputs']) {
  const workflowId = `launch-${randomUUID()}`;
  const envelope: StartEnvelope = {
    ...{ version: 1, id: randomUUID(), verb, run: 'none', runbook: 'test-gated', inputs },
    ...{ by: 'clock', reason: 'nightly' },
  };
  const handle = await world.client.workflow.start('launch', {
    ...{ workflowId, taskQueue: world.taskQueue, args: [envelope] },
  });
  return { workflowId, handle };
}

/** Every stack trace in something that was decoded from Temporal. */
function stacksIn(value: unknown): string[] {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'stackTrace' && inner ? [String(inner)] : stacksIn(inner),
  );
}

test('what asked for a plan is gone once its answer was read, a refusal too', async () => {
  const argv = ['plan', 'test-gated', '--input', 'last=[]'];
  expect((await world.cli([...argv, '--input', 'journal=/tmp/x'])).code).toBe(0);
  expect((await world.cli(argv)).code).toBe(2);
  await until('the list to be without it', hasNoLaunches, 30_000);
}, 60_000);

test('one whose asker has died is deleted by a worker, and the record keeps what was refused', async () => {
  await world.stopWorker();
  world.settings = { launchesKeptMs: keptMs };
  await world.startWorker();
  const asked = await launch('plan', {});
  await asked.handle.result();
  const refused = await launch('start', { last: [] });
  const failure = await refused.handle.result().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(WorkflowFailedError);
  expect(stacksIn(await refused.handle.fetchHistory())).toEqual([]);
  await until('the list to be without them', hasNoLaunches, 2 * keptMs);

  expect(await world.json<RunSummary[]>(['runs', '--requester', 'clock'])).toMatchObject([
    { id: refused.workflowId, runbook: 'test-gated', state: 'failed', reason: 'nightly' },
  ]);
  const status = await world.cli(['status', refused.workflowId]);
  expect(status).toMatchObject({ code: 1, stdout: expect.stringContaining('journal is missing') });
}, 60_000);

test('a run that failed shows what happened, and no stack trace, wherever one looks', async () => {
  const started = await world.json<{ id: string }>([
    ...['start', 'test-commands', '--input', 'first=["/bin/false"]'],
    ...['--input', 'second=["/bin/true"]', '--unattended', 'abort', '--reason', 'x', '--yes'],
  ]);
  expect((await world.cli(['wait', started.id, '--timeout', '20s'])).code).toBe(1);
  const handle = world.client.workflow.getHandle(started.id);
  const { events } = await handle.fetchHistory();
  expect(stacksIn(events)).toEqual([]);
  const end = events?.at(-1)?.workflowExecutionFailedEventAttributes?.failure;
  const { problem } = await world.json<RunView>(['status', started.id], [1]);
  expect(end?.message).toContain(problem?.message);
}, 60_000);

test('the link to the list leaves other workflows out', async () => {
  const { stdout } = await world.cli(['open']);
  const link = new URL(stdout.trim());
  expect(link.pathname).toBe('/namespaces/default/workflows');
  const query = link.searchParams.get('query') ?? '';
  const asked = await launch('plan', {});
  await asked.handle.result();
  const found: string[] = [];
  for await (const { type } of world.client.workflow.list({
    query: `${query} AND TaskQueue = '${world.taskQueue}'`,
  }))
    found.push(type);
  expect(found).toEqual(['test-commands']);
}, 30_000);
