import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { DecisionEnvelope, Verdict } from '../../common/envelope.js';
import type { WaitView } from '../../common/view.js';
import { getRun, history } from '../../store/index.js';
import { until } from '../../lab/until.js';
import { Engine } from '../helpers/engine.js';
import { plainRunbook } from '../helpers/plain-runbook.js';

/*
 * A target is taken over from a run that waits at its gate: its people are told, and it changes
 * nothing there until the other run has ended and they approve once more.
 */

const line = (text: string): object => ({
  ...{ kind: 'command', target: 'shared' },
  argv: ['/bin/sh', '-c', 'echo "$1" >> "$2"', 'sh', text, { $: 'inputs.journal' }],
});
const gated = plainRunbook({
  ...{ id: 'gated', title: 'A change behind a gate', summary: 'Changes a shared target.' },
  inputs: { journal: { type: 'text', description: 'a file', maxLength: 400 } },
  steps: [
    { id: 'gate', title: 'May it go on?', kind: 'approval', effect: 'read' },
    {
      ...{ id: 'work', title: 'Work', kind: 'command', effect: 'change' },
      ...{ noUndo: 'a line', work: { action: line('worked') } },
    },
  ],
});

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start({
    targets: 'targets: { shared: { kind: service, environment: test } }\n',
    plans: [gated],
  });
}, 60_000);
afterAll(() => engine?.stop());

const gateOf = (run: WorkflowHandle, attempt: number): Promise<WaitView> =>
  until('the gate', async () => {
    const { waitingFor } = await engine.status(run);
    return waitingFor.find((wait) => wait.id === 'gate' && wait.attempt === attempt);
  });
const decides = async (run: WorkflowHandle, change: Partial<DecisionEnvelope>): Promise<Verdict> =>
  engine.send(run, await engine.decision(run, change));

test('its people are told who has it, and approve once more when that run has ended', async () => {
  const journal = engine.path('journal.txt');
  const first = await engine.run('gated', { journal });
  const asked = await gateOf(first, 1);
  const second = await engine.run('gated', { journal });
  expect(await engine.waiting(second)).toMatchObject({ kind: 'lease' });
  expect(await decides(second, { verb: 'take-over', by: 'bob' })).toMatchObject({ accepted: true });

  const told = await gateOf(first, 2);
  const text = new RegExp(
    `^run ${second.workflowId}, started by requester, took target shared over \\(bob: .*\\) at 20`,
  );
  expect(told.evidence['target lost']).toMatch(text);
  // Messages, lists and reminders read the record.
  const recorded = await until('the record', async () => {
    const view = await getRun(engine.pool, first.workflowId);
    return view?.waitingFor[0]?.attempt === 2 && view;
  });
  expect(recorded.waitingFor).toMatchObject([{ id: 'gate', digest: told.digest }]);
  expect(
    (await history(engine.pool, first.workflowId)).filter(({ kind }) => kind === 'wait'),
  ).toMatchObject([{ state: 'closed' }, { state: 'waiting' }]);

  const { id, digest } = asked;
  const about = { kind: 'gate', id } as const;
  expect(await decides(first, { about, digest, attempt: 1 })).toMatchObject({ code: 'stale' });
  expect(await decides(first, {})).toMatchObject({
    ...{ accepted: false, code: 'not-possible' },
    message: expect.stringContaining(`is held by run ${second.workflowId}`),
  });

  expect(await decides(second, {})).toMatchObject({ accepted: true });
  expect((await engine.ended(second)).state).toBe('succeeded');
  expect(await decides(first, {})).toMatchObject({
    ...{ accepted: true, message: expect.stringContaining('claims again') },
  });
  expect((await engine.ended(first)).state).toBe('succeeded');
  expect(await readFile(journal, 'utf8')).toBe('worked\nworked\n');
}, 60_000);

test('nothing is asked again of a run that has lost nothing, whoever says so', async () => {
  const run = await engine.run('gated', { journal: engine.path('other.txt') });
  await gateOf(run, 1);
  await run.signal('lost');
  await until('the run to have looked', async () =>
    JSON.stringify(await run.fetchHistory()).includes('"lost"'),
  );
  expect(await decides(run, {})).toMatchObject({ accepted: true });
  const view = await engine.ended(run);
  expect(view).toMatchObject({ state: 'succeeded', steps: [{ attempts: 1 }, {}] });
}, 60_000);
