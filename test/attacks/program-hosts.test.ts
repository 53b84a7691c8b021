import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { until } from '../../lab/until.js';
import { Engine } from '../helpers/engine.js';
import { plainRunbook } from '../helpers/plain-runbook.js';

/*
 * A plan covers programs by their content on the host that admits the run, and any host of the task
 * queue may do its steps. A host is a worker with journals and a PATH of its own: what a bare name
 * means differs there as it does between machines.
 */

const procedure = plainRunbook({
  ...{ id: 'host-program', outputs: {} },
  inputs: { journal: { type: 'text', description: 'a file', maxLength: 400 } },
  steps: [
    { id: 'gate', title: 'May it?', kind: 'approval', effect: 'read' },
    {
      ...{ id: 'work', title: 'Run it', kind: 'command', effect: 'change' },
      work: { action: { kind: 'command', argv: ['site-tool', { $: 'inputs.journal' }] } },
    },
  ],
});

/** What `site-tool` writes on each host. */
const hosts = { admits: 'one', same: 'one', differs: 'another' };
type Host = keyof typeof hosts;

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start({ later: true, plans: [procedure] });
  for (const [host, writes] of Object.entries(hosts)) {
    await mkdir(engine.path(`bin-${host}`));
    const script = `#!/bin/sh\necho ${writes} >> "$1"\n`;
    await writeFile(tool(host as Host), script, { mode: 0o755 });
  }
}, 60_000);
afterAll(() => engine?.stop());

const tool = (host: Host): string => engine.path(`bin-${host}/site-tool`);
const journalOf = (run: WorkflowHandle): string => engine.path(`${run.workflowId}.txt`);
const written = async (run: WorkflowHandle): Promise<string[]> =>
  (await readFile(journalOf(run), 'utf8').catch(() => '')).split('\n').filter(Boolean);

/** Does something while a worker of the host lives, and none of another. */
async function on<T>(
  host: Host,
  work: () => Promise<T>,
  settings: Record<string, string> = {},
): Promise<T> {
  const worker = await engine.startWorker({
    RUNBOOK_JOURNALS: engine.path(`journals-${host}`),
    PATH: `${engine.path(`bin-${host}`)}:${process.env['PATH'] ?? ''}`,
    ...settings,
  });
  try {
    return await work();
  } finally {
    await worker.stop();
    await engine.loseWorker(worker);
  }
}

/** A run that the first host has admitted, and that waits at its gate. */
async function admitted(): Promise<WorkflowHandle> {
  const id = `host-program-${Math.random().toString(36).slice(2)}`;
  const envelope = engine.envelope('host-program', { journal: engine.path(`${id}.txt`) }, id);
  const run = await engine.client.workflow.start('host-program', {
    ...{ workflowId: id, taskQueue: engine.taskQueue, args: [envelope] },
  });
  await engine.waiting(run);
  return run;
}

/** Approves what the first host was asked about, and waits until the run asks again or ends. */
async function approved(run: WorkflowHandle): Promise<void> {
  expect(await engine.send(run, await engine.decision(run))).toMatchObject({ accepted: true });
  await until('it to ask once more or to end', async () => {
    const view = await engine.status(run).catch(() => undefined);
    return view && (view.endedAt !== null || (view.waitingFor[0]?.attempt ?? 1) > 1);
  });
}

describe('a program on another host than the one that admitted the run', () => {
  test('is refused when it differs, and says what to do', async () => {
    const run = await on('admits', admitted);
    await on('differs', async () => {
      await approved(run);
      const { steps, waitingFor } = await engine.status(run);
      const { error } = steps.find(({ id }) => id === 'work') ?? {};
      expect(error).toMatchObject({ type: 'ProgramChanged' });
      expect(error?.message).toMatch(
        new RegExp(`site-tool is ${tool('differs')} .* was ${tool('admits')} sha256`),
      );
      expect(error?.next).toContain('restore the program first');
      expect(waitingFor[0]?.evidence['programs changed']).toEqual({
        'site-tool': expect.stringContaining(`→ ${tool('differs')} sha256`),
      });
      expect(await written(run)).toEqual([]);
      // Approved as it is there, it runs.
      expect(await engine.send(run, await engine.decision(run))).toMatchObject({ accepted: true });
      expect(await engine.ended(run)).toMatchObject({ state: 'succeeded' });
    });
    expect(await written(run)).toEqual(['another']);
  }, 60_000);

  test('runs although it differs with the guard off', async () => {
    const off = { RUNBOOK_SYSTEM_FOLDERS: '/' };
    const run = await on('admits', admitted, off);
    await on('differs', () => approved(run), off);
    expect(await written(run)).toEqual(['another']);
  }, 60_000);

  test('runs when it is the same, wherever it lies there', async () => {
    const run = await on('admits', admitted);
    await on('same', () => approved(run));
    expect(await written(run)).toEqual(['one']);
  }, 60_000);
});
