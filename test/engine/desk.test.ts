import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { DecisionEnvelope, Verdict } from '../../common/envelope.js';
import type { DeskVerb } from '../../common/questions.js';
import { getAttempts, getRun } from '../../store/index.js';
import { Engine } from '../helpers/engine.js';
import { test } from '../helpers/together.js';
import { until } from '../../lab/until.js';
import { nothing, sh } from '../helpers/shell.js';

describe('the failure desk', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start();
  }, 60_000);
  afterAll(() => engine?.stop());

  const journalOf = (handle: WorkflowHandle): string => engine.path(`${handle.workflowId}.txt`);
  const text = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

  async function failed(inputs: { first?: string; second?: string } = {}): Promise<WorkflowHandle> {
    const run = `desk-${randomUUID()}`;
    const journal = engine.path(`${run}.txt`);
    const envelope = engine.envelope(
      'test-desk',
      { first: nothing, second: nothing, journal, ...inputs },
      run,
    );
    return engine.client.workflow.start('test-desk', {
      workflowId: run,
      taskQueue: engine.taskQueue,
      args: [envelope],
    });
  }

  async function answer(
    handle: WorkflowHandle,
    verb: DeskVerb,
    change: Partial<DecisionEnvelope> = {},
  ): Promise<Verdict> {
    return engine.send(handle, await engine.decision(handle, { verb, ...change }));
  }

  test('retry does the step again, with as many attempts as before', async () => {
    const file = engine.path(`retry-${randomUUID()}`);
    const handle = await failed({ first: sh('echo x >> "$1"; [ -e "$1.ok" ]', file) });
    const wait = await engine.waiting(handle);
    expect(wait).toMatchObject({
      kind: 'failure',
      id: 'first',
      command: expect.stringMatching(/^runbook retry .* first --digest sha256:/),
    });
    const view = await engine.status(handle);
    expect(view).toMatchObject({
      state: 'needs-operator',
      steps: [{ state: 'needs-operator', error: { type: 'CommandFailed' } }, {}],
    });
    // The question is written down after it can be seen.
    const recorded = await until('the record to know', async () => {
      const run = await getRun(engine.pool, handle.workflowId);
      return run?.state === 'needs-operator' && run;
    });
    expect(recorded.waitingFor).toMatchObject([{ id: 'first' }]);
    await writeFile(`${file}.ok`, '');
    expect(await answer(handle, 'retry')).toMatchObject({
      accepted: true,
      message: 'Step first is tried again.',
    });
    expect(await engine.ended(handle)).toMatchObject({
      state: 'succeeded',
      steps: [{ state: 'succeeded', attempts: 2 }, {}],
    });
    expect(await text(file)).toBe('x\nx\n');
  });

  test('a step that fails again asks again, and an answer to the first question is stale', async () => {
    const handle = await failed({ first: sh('exit 7') });
    const first = await engine.waiting(handle);
    expect((await answer(handle, 'retry')).accepted).toBe(true);
    await until('the second question', async () => (await engine.waiting(handle)).attempt === 2);
    expect(
      await answer(handle, 'retry', { attempt: first.attempt, digest: first.digest }),
    ).toMatchObject({ code: 'stale' });
    expect((await answer(handle, 'abort')).accepted).toBe(true);
    expect(await engine.ended(handle)).toMatchObject({
      state: 'failed',
      problem: { type: 'CommandFailed' },
    });
    expect(await getAttempts(engine.pool, handle.workflowId)).toHaveLength(2);
  });

  test('skip goes on, and the run says that something was left out', async () => {
    const handle = await failed({ first: sh('exit 7') });
    expect((await answer(handle, 'skip')).accepted).toBe(true);
    expect(await engine.ended(handle)).toMatchObject({
      state: 'succeeded-with-exceptions',
      steps: [{ state: 'skipped', error: { type: 'CommandFailed' } }, { state: 'succeeded' }],
    });
  });

  test('a step whose output is needed cannot be skipped, and is done by hand with that output only', async () => {
    const handle = await failed({ second: sh('exit 7') });
    expect(await answer(handle, 'skip')).toMatchObject({
      code: 'output-missing',
      message: expect.stringContaining('cannot be skipped'),
    });
    expect(await answer(handle, 'done')).toMatchObject({
      code: 'output-missing',
      message: expect.stringContaining('--output stdout='),
    });
    expect((await answer(handle, 'done', { outputs: { stdout: 'by hand' } })).accepted).toBe(true);
    expect(await engine.ended(handle)).toMatchObject({
      state: 'succeeded',
      steps: [{}, { state: 'done-by-hand' }],
      outputs: { second: 'by hand' },
      decisions: [
        { accepted: false },
        { accepted: false },
        { verb: 'done', about: { kind: 'step', id: 'second' }, accepted: true },
      ],
    });
  });

  test('rollback undoes, abort leaves', async () => {
    const rolledBack = await failed({ second: sh('exit 7') });
    expect((await answer(rolledBack, 'rollback')).accepted).toBe(true);
    expect((await engine.ended(rolledBack)).state).toBe('rolled-back');
    expect(await text(journalOf(rolledBack))).toBe('undo first\n');

    const aborted = await failed({ second: sh('exit 7') });
    expect((await answer(aborted, 'abort')).accepted).toBe(true);
    expect((await engine.ended(aborted)).state).toBe('failed');
    expect(await text(journalOf(aborted))).toBe('');
  });

  test('two people at once: one answer wins, the other is told who', async () => {
    const handle = await failed({ first: sh('exit 7') });
    const decision = await engine.decision(handle);
    const verdicts = await Promise.all(
      (['skip', 'abort'] as const).map((verb, index) =>
        engine.send(handle, {
          ...decision,
          id: randomUUID(),
          verb,
          by: ['ann', 'bob'][index] ?? '',
        }),
      ),
    );
    expect(verdicts.filter(({ accepted }) => accepted)).toHaveLength(1);
    expect(verdicts.find(({ accepted }) => !accepted)).toMatchObject({
      code: 'already-decided',
      message: expect.stringMatching(/(skipped|answered with abort) by (ann|bob)/),
    });
    await engine.ended(handle);
  });

  test('an answer without a reason, for a step that has not failed, or with a field too many changes nothing', async () => {
    const handle = await failed({ first: sh('exit 7') });
    expect(await answer(handle, 'retry', { reason: ' ' })).toMatchObject({
      code: 'reason-missing',
    });
    expect(await answer(handle, 'retry', { about: { kind: 'step', id: 'second' } })).toMatchObject({
      code: 'not-waiting',
    });
    expect(
      await answer(handle, 'retry', { force: true } as Partial<DecisionEnvelope>),
    ).toMatchObject({ code: 'malformed' });
    expect((await engine.status(handle)).state).toBe('needs-operator');
    await answer(handle, 'abort');
    await engine.ended(handle);
  });

  test('a run that is cancelled at the desk ends, and undoes what was changed', async () => {
    const handle = await failed({ second: sh('exit 7') });
    await engine.waiting(handle);
    const decision = {
      version: 1,
      id: randomUUID(),
      run: handle.workflowId,
      verb: 'cancel',
      by: 'requester',
      reason: 'enough',
    } as const;
    expect((await engine.send(handle, decision)).accepted).toBe(true);
    expect(await engine.ended(handle)).toMatchObject({ state: 'cancelled', waitingFor: [] });
    expect(await text(journalOf(handle))).toBe('undo first\n');
  });
});
