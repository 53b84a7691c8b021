import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { readHistory } from '../../client/read-history.js';
import { withSession } from '../../client/session.js';
import { messageNames } from '../../common/defaults.js';
import { getRun } from '../../store/index.js';
import { Engine } from '../helpers/engine.js';
import { taskTimeoutSeconds } from '../helpers/task-timeout.js';
import { until } from '../../lab/until.js';
import { recordedIo } from '../unit/client/fake-io.js';

/*
 * Runs that continue as new, on the real server: nobody who looks at the run, or decides about it,
 * can tell.
 */

const junk = process.env['RUNBOOK_CHAOS'] === 'long' ? 15_000 : 1_500;

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start({ border: { events: 150, bytes: 10_000_000, signals: 500 } });
}, 60_000);
afterAll(() => engine?.stop());

/** Executions of the run so far. */
async function executions(handle: WorkflowHandle): Promise<number> {
  let count = 0;
  for await (const { runId } of engine.client.workflow.list({
    query: `WorkflowId = "${handle.workflowId}"`,
  }))
    count += runId ? 1 : 0;
  return count;
}

/** The run under its id, whichever of its executions is the present one. */
const present = (handle: WorkflowHandle): WorkflowHandle =>
  engine.client.workflow.getHandle(handle.workflowId);

/** One execution takes 10,000 signals, then the server refuses; the next execution takes more. */
async function taken(signalled: Promise<void>): Promise<boolean> {
  try {
    await signalled;
    return true;
  } catch (error) {
    if (!/limit/i.test(`${(error as Error).message} ${String((error as Error).cause)}`))
      throw error;
    return false;
  }
}

describe('continue-as-new', () => {
  test('sixty steps, done once each over several executions; one story in status, record and rollback', async () => {
    const journal = engine.path(randomUUID());
    const run = present(await engine.run('test-long', { rounds: 60, journal }));
    const gate = await until(
      'the gate',
      async () => (await engine.status(run).catch(() => undefined))?.waitingFor[0],
      60_000,
    );
    const count = await until('all executions to be listed', async () => {
      const found = await executions(run);
      return found > 2 ? found : undefined;
    });
    const view = await engine.status(run);
    expect(view.steps.filter((step) => step.state === 'succeeded')).toHaveLength(60);
    expect(view.undos).toHaveLength(60);
    expect(view.firstRunId).not.toBe((await run.describe()).runId);
    // As the first was started: a worker that dies with a task of the last one in its hands holds
    // it up no longer.
    expect(await taskTimeoutSeconds(run)).toBe(4);
    expect((await readFile(journal, 'utf8')).trim().split('\n')).toEqual(
      Array.from({ length: 60 }, (_, n) => String(n + 1)),
    );

    expect((await engine.send(run, await engine.decision(run, { verb: 'reject' }))).accepted).toBe(
      true,
    );
    expect((await engine.ended(run)).state).toBe('rejected');
    const lines = (await readFile(journal, 'utf8')).trim().split('\n').slice(60);
    expect(lines).toEqual(Array.from({ length: 60 }, (_, n) => `undo ${60 - n}`));
    const told = await withSession({ address: engine.address }, recordedIo(), (session) =>
      readHistory(session, run.workflowId, false),
    );
    expect(told.note).toBeNull();
    expect(told.entries.filter(({ text }) => / begins: Append a line/.test(text))).toHaveLength(60);
    expect(told.entries.filter(({ text }) => /started test-long/.test(text))).toHaveLength(1);
    const recorded = await getRun(engine.pool, run.workflowId);
    expect(recorded).toMatchObject({ state: 'rejected', firstRunId: view.firstRunId });
    expect(recorded?.steps.filter((step) => step.state === 'undone')).toHaveLength(60);
    process.stderr.write(
      `60 steps and their undos in ${count} executions and more; gate ${gate.id} asked once: ${gate.attempt}\n`,
    );
  }, 120_000);

  test(`${junk} signals that are none, to one gate; then a good decision`, async () => {
    const started = await engine.run('test-long', {
      rounds: 1,
      journal: engine.path(randomUUID()),
    });
    const run = present(started);
    const before = await engine.waiting(run);
    const at = Date.now();
    const senders = Array.from({ length: 10 }, async (_, sender) => {
      for (let sent = 0; sent < junk / 10; sent += 1) {
        await until(
          'the signal to be taken',
          () => taken(run.signal(messageNames.decide, { junk: `${sender} ${sent}` })),
          60_000,
        );
      }
    });
    await Promise.all(senders);
    const sentMs = Date.now() - at;
    const decision = await engine.decision(run);
    expect(decision).toMatchObject({
      about: { kind: 'gate', id: before.id },
      attempt: before.attempt,
      digest: before.digest,
    });
    await run.signal(messageNames.decide, decision);
    const verdict = await until(
      'the verdict',
      () =>
        run
          .query<{ accepted: boolean } | null, [string]>(messageNames.verdict, decision.id)
          .catch(() => null),
      60_000,
    );
    expect(verdict.accepted).toBe(true);
    expect((await engine.ended(run)).state).toBe('succeeded');
    process.stderr.write(
      `${junk} junk signals in ${sentMs} ms over ${await executions(run)} executions; the good decision took effect ${Date.now() - at - sentMs} ms after them\n`,
    );
  }, 240_000);

  test('poked at a gate: the question, its digest and its time stay what they were', async () => {
    const run = present(
      await engine.run('test-long', { rounds: 1, journal: engine.path(randomUUID()) }),
    );
    const before = await engine.waiting(run);
    await run.signal(messageNames.border);
    await until('the next execution', async () => (await executions(run)) === 2);
    expect(await engine.waiting(run)).toEqual(before);
    expect((await engine.send(run, await engine.decision(run))).accepted).toBe(true);
    expect((await engine.ended(run)).state).toBe('succeeded');
  }, 60_000);
});
