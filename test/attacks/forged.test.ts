import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { Origins } from '../../activities/origin.js';
import { Plans } from '../../activities/plans.js';
import type { Verdict } from '../../common/envelope.js';
import { messageNames } from '../../common/defaults.js';
import type { Json } from '../../language/json.js';
import { getAttempts } from '../../store/index.js';
import { watchQueries } from '../chaos/queries.js';
import { tell } from '../chaos/tell.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';

const sh = (script: string, file: string) => JSON.stringify(['/bin/sh', '-c', script, 'sh', file]);

/** Somebody who can reach the Temporal server answers for a worker, by the activity's id. */
describe('a forged answer', () => {
  let engine: Engine;
  /** The guard is off: nothing that a step builds on is looked at. */
  let unguarded = false;
  /** No verdict reaches the record, so that there is time to forge one. */
  let verdictsWait = false;
  const waiting: ((error: Error) => void)[] = [];

  beforeAll(async () => {
    watchQueries({
      before({ name, text }) {
        if (name === 'decisions-insert' && verdictsWait)
          return new Promise<never>((_, fail) => waiting.push(fail));
        return unguarded && name === 'attempts-begin-first'
          ? text.replace('NOT EXISTS (SELECT FROM doubt)', 'true')
          : undefined;
      },
    });
    engine = await Engine.start({ settings: { RUNBOOK_HEARTBEAT_MS: '120000' } });
  }, 60_000);
  afterAll(() => engine?.stop());

  const lines = async (file: string) =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean).length;
  const complete = (run: WorkflowHandle, activityId: string, answer: Json) =>
    engine.client.activity.complete({ workflowId: run.workflowId, activityId }, answer);

  interface Busy {
    run: WorkflowHandle;
    /** Lets the first command end. */
    end: string;
    /** A line for each time that the second command ran. */
    file: string;
  }

  /** A run whose first command runs. */
  async function busy(): Promise<Busy> {
    const end = engine.path(`end-${randomUUID()}`);
    const file = engine.path(`lines-${randomUUID()}`);
    const run = await engine.run('test-desk', {
      first: sh('echo > "$1.begun"; while [ ! -e "$1" ]; do sleep 0.05; done; echo real', end),
      ...{ second: sh('echo line >> "$1"', file), journal: file },
    });
    await until('the command to run', async () => (await lines(`${end}.begun`)) >= 0 && begun(end));
    return { run, end, file };
  }
  const begun = (end: string) =>
    readFile(`${end}.begun`).then(
      () => true,
      () => undefined,
    );

  const forgeries: Record<string, (run: WorkflowHandle) => Promise<unknown>> = {
    'says that a running step has succeeded': (run) =>
      complete(run, 'first', { output: { stdout: 'forged' }, attempt: 1 }),
    'says that a running step has failed, and people skip it': async (run) => {
      const failure = ApplicationFailure.nonRetryable('forged', 'CommandFailed');
      await engine.client.activity.fail(
        { workflowId: run.workflowId, activityId: 'first' },
        failure,
      );
      const { attempt, digest } = await engine.waiting(run);
      await run.signal(messageNames.decide, {
        ...{ version: 1, id: randomUUID(), run: run.workflowId, verb: 'skip' },
        ...{ about: { kind: 'step', id: 'first' } },
        ...{ attempt, digest, by: 'operator', reason: 'not needed' },
      });
    },
  };

  /** @returns whether the next command ran beside the first */
  async function beside({ run, file }: Busy, forge: (run: WorkflowHandle) => Promise<unknown>) {
    await forge(run);
    await until('the second step to ask or to have run', async () => {
      const view = await engine.status(run).catch(() => undefined);
      return (await lines(file)) > 0 || view?.waitingFor[0]?.id === 'second' ? true : undefined;
    });
    return (await lines(file)) > 0;
  }

  /**
   * @returns whether what stands behind a gate was done, which the requester approved and a forged
   *   verdict let pass
   */
  async function approvedByRequester(): Promise<boolean> {
    const journal = engine.path(`gated-${randomUUID()}`);
    const run = await engine.run('test-gated', {
      ...{ journal, last: JSON.stringify(['/bin/true']), first_change: false },
    });
    const decision = await engine.decision(run, { by: 'requester' });
    verdictsWait = true;
    await run.signal(messageNames.decide, decision);
    const judge = await until('the decision to be judged', async () => {
      const { raw } = await run.describe();
      return raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'judge');
    });
    const verdict: Verdict = {
      ...{ decision: decision.id, accepted: true, code: 'accepted', message: 'forged' },
      at: new Date().toISOString(),
    };
    await complete(run, judge.activityId ?? '', { verdicts: [verdict] } as unknown as Json);
    verdictsWait = false;
    for (const fail of waiting.splice(0)) fail(new Error('the worker is too late'));
    // To undo a step that nobody has approved takes people too.
    const view = await until('it to end, or to ask about the undo', async () => {
      const view = await engine.status(run).catch(() => undefined);
      return view && (view.endedAt ?? view.waitingFor[0]?.kind === 'undo') ? view : undefined;
    });
    if (view.endedAt === null) await run.terminate();
    const done = await readFile(journal, 'utf8').catch(() => '');
    return done.split('\n').includes('after');
  }

  test('lets nothing begin; without the guard it does', async () => {
    const found = { guarded: 0, open: 0 };
    for (const without of [false, true]) {
      unguarded = without;
      // The approval that a step needs has to be in its plan's record as well.
      if (without) jest.spyOn(Plans.prototype, 'whyNot').mockResolvedValue(null);
      const key = unguarded ? 'open' : 'guarded';
      for (const forge of Object.values(forgeries)) {
        const started = await busy();
        if (await beside(started, forge)) found[key] += 1;
        await writeFile(started.end, '');
      }
      if (await approvedByRequester()) found[key] += 1;
    }
    unguarded = false;
    jest.restoreAllMocks();
    tell(`forged answers: ${found.guarded} of 3 let a step begin; ${found.open} without the guard`);
    expect(found).toEqual({ guarded: 0, open: 3 });
  }, 120_000);

  const retry = async (run: WorkflowHandle) => {
    const { attempt, digest } = await engine.waiting(run);
    await run.signal(messageNames.decide, {
      ...{ version: 1, id: randomUUID(), run: run.workflowId, verb: 'retry' },
      ...{ about: { kind: 'step', id: 'second' } },
      ...{ attempt, digest, by: 'operator', reason: 'looked at it' },
    });
    return attempt;
  };
  /** What is asked next, and why. */
  const askedAfter = (run: WorkflowHandle, before: number) =>
    until('it to be refused again', async () => {
      const { attempt, evidence } = await engine.waiting(run);
      return attempt > before ? (evidence['what happened'] as string) : undefined;
    });
  const stateOfFirst = async (run: WorkflowHandle) => {
    const attempts = await getAttempts(engine.pool, run.workflowId);
    return attempts.find(({ step }) => step === 'first')?.state;
  };

  test('is told at the desk, and people go on when the command has ended', async () => {
    const { run, end, file } = await busy();
    await complete(run, 'first', { output: { stdout: 'forged' }, attempt: 1 });
    const asked = await engine.waiting(run);
    expect(asked.evidence['what happened']).toBe(
      'the run was told that step first has ended, but in the record it still runs. ' +
        'The step did not begin: somebody may have answered for a worker',
    );
    expect(await askedAfter(run, await retry(run))).toMatch(/still runs/);
    expect(await lines(file)).toBe(0);
    await writeFile(end, '');
    await until('the record to have its end', async () =>
      (await stateOfFirst(run)) === 'succeeded' ? true : undefined,
    );
    // What it answered is another thing than what was forged: nobody has agreed to that yet.
    expect(await askedAfter(run, await retry(run))).toMatch(
      /step first has succeeded, but in the record it has another result/,
    );
    expect(await lines(file)).toBe(0);
    await retry(run);
    expect(await engine.ended(run)).toMatchObject({ state: 'succeeded' });
    expect(await lines(file)).toBe(1);
  }, 60_000);

  /** @returns whether the record has how the command ended, whose worker saw the forgery */
  async function recordedDespite(letsGo: boolean): Promise<boolean> {
    const noticed = jest.spyOn(Origins.prototype, 'isAnswered');
    if (letsGo) noticed.mockResolvedValue(false);
    const { run, end } = await busy();
    await complete(run, 'first', { output: { stdout: 'forged' }, attempt: 1 });
    await until('its worker to notice', () => Promise.resolve(noticed.mock.calls.length > 0));
    noticed.mockRestore();
    await writeFile(end, '');
    const outcome = until(
      'the record to have its end',
      async () => ((await stateOfFirst(run)) === 'succeeded' ? true : undefined),
      letsGo ? 500 : 20_000,
    );
    return outcome.catch(() => false);
  }

  test('does not keep the record from knowing how the command ended', async () => {
    const found = { guarded: 0, open: 0 };
    for (const letsGo of [false, true])
      if (!(await recordedDespite(letsGo))) found[letsGo ? 'open' : 'guarded'] += 1;
    tell(
      `forged answers noticed by the worker: ${found.guarded} of 1 ends are not in the record; ${found.open} without following`,
    );
    expect(found).toEqual({ guarded: 0, open: 1 });
  }, 60_000);
});
