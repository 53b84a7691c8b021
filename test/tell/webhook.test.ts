import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';
import { Receiver } from './receiver.js';

let engine: Engine;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start();
  engine = await Engine.start({
    workers: 1,
    targets: JSON.stringify({
      targets: {
        oncall: { kind: 'webhook', environment: 'test', http: { address: receiver.address } },
      },
    }),
    settings: {
      RUNBOOK_NOTIFY: 'oncall',
      RUNBOOK_TELL_MS: '100',
      RUNBOOK_WATCH_MS: '500',
      RUNBOOK_UI_URL: 'http://ui.example',
    },
  });
}, 60_000);
afterAll(async () => {
  await engine?.stop();
  await receiver?.stop();
});

async function gated(): Promise<WorkflowHandle> {
  const handle = await engine.run('test-gated', {
    journal: engine.path(`${randomUUID()}.txt`),
    last: JSON.stringify(['/usr/bin/true']),
  });
  await engine.waiting(handle);
  return handle;
}

const about = (handle: WorkflowHandle, count: number) =>
  until(`${count} messages`, () => {
    const messages = receiver.about(handle.workflowId);
    return Promise.resolve(messages.length >= count && messages);
  });

test('a gate is told at once, with what it takes to decide, and once more when it is over', async () => {
  const handle = await gated();
  const [asked] = await about(handle, 1);
  const gate = await engine.waiting(handle);
  expect(asked).toMatchObject({
    what: 'asked',
    again: false,
    run: handle.workflowId,
    runbook: 'test-gated',
    requester: 'requester',
    reason: 'test',
    call: { kind: 'approval', id: 'gate', who: 'an operator other than the requester' },
    undo: {
      possible: [
        {
          step: 'before',
          how: expect.stringMatching(/^Remove what the first change wrote: run \//),
        },
      ],
    },
    commands: [
      {
        verb: 'approve',
        command: `runbook approve ${handle.workflowId} gate --digest ${gate.digest}`,
      },
      {
        verb: 'reject',
        command: `runbook reject ${handle.workflowId} gate --digest ${gate.digest}`,
      },
    ],
    over: null,
    link: expect.stringContaining(`/workflows/${handle.workflowId}/`),
  });
  expect(asked?.key).toBe(asked?.id);

  const decision = await engine.decision(handle, { reason: 'looks right' });
  expect(await engine.send(handle, decision)).toMatchObject({ accepted: true });
  const [, over] = await about(handle, 2);
  expect(over).toMatchObject({
    what: 'over',
    first: asked?.id,
    over: { how: 'approved', by: 'approver', reason: 'looks right' },
    commands: [],
  });
  await engine.ended(handle);
  const kinds = (await about(handle, 3)).map(({ what }) => what);
  expect(kinds).toEqual(['asked', 'over', 'ended']);
}, 60_000);

test('a pause in Temporal, which no run can see itself', async () => {
  const handle = await gated();
  await about(handle, 1);
  const where = { namespace: 'default', workflowId: handle.workflowId, identity: 'ada@laptop' };
  await engine.client.workflowService.pauseWorkflowExecution({ ...where, reason: 'wait for me' });
  const [, paused] = await about(handle, 2);
  expect(paused).toMatchObject({
    what: 'asked',
    call: {
      kind: 'pause',
      title: 'The run is paused in Temporal',
      evidence: { 'paused by': 'ada@laptop', reason: 'wait for me' },
    },
    commands: [
      {
        verb: 'go on',
        command: expect.stringContaining(
          `temporal workflow unpause --workflow-id ${handle.workflowId}`,
        ),
      },
    ],
  });
  await engine.client.workflowService.unpauseWorkflowExecution({ ...where, reason: 'back' });
  expect((await about(handle, 3))[2]).toMatchObject({ what: 'over', over: { how: 'goes on' } });
  await engine.send(handle, await engine.decision(handle));
  await engine.ended(handle);
}, 60_000);
