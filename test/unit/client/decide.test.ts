import { describe, expect, test } from '@jest/globals';
import { ServiceError } from '@temporalio/client';
import { connectTemporal, type Temporal } from '../../../client/connect.js';
import {
  decisionEnvelope,
  waitToDecide,
  refuseEmptyRollback,
  sendDecision,
} from '../../../client/decide.js';
import { CliError } from '../../../client/errors.js';
import { Session } from '../../../client/session.js';
import type { RunReading } from '../../../client/read-run.js';
import type { RunView, WaitView } from '../../../common/view.js';
import { recordedIo } from './fake-io.js';
import { step, view } from './views.js';

/* What of a run a decision is about, and what is said when it is about nothing. */

function wait(id: string, change: Partial<WaitView> = {}): WaitView {
  return {
    ...{ kind: 'approval', id, title: `Title of ${id}`, who: 'an operator', deadline: null },
    ...{ since: '2026-03-01T02:10:00.000Z', deciders: 'anyone', attempt: 1, evidence: {} },
    ...{ verbs: ['approve', 'reject'], digest: `sha256:${id}`, command: `runbook approve r ${id}` },
    ...change,
  };
}

function reading(change: Partial<RunView>): RunReading {
  const rest = { runId: null, isClosed: false, note: null, pending: [], pauses: [] };
  return { view: view(change), ...rest, trouble: null };
}

function thrown(work: () => unknown): CliError {
  try {
    work();
  } catch (error) {
    if (error instanceof CliError) return error;
  }
  throw new Error('nothing was refused');
}

test('several gates wait and none is named: all are listed with their titles, none is decided', () => {
  const waitingFor = [wait('one'), wait('two')];
  const { message, next, exitCode } = thrown(() =>
    waitToDecide(reading({ state: 'waiting', waitingFor }), undefined, 'approve', 'runbook'),
  );
  expect(exitCode).toBe(2);
  expect(message).toMatch(
    /wait; nothing was decided:\n {2}one: Title of one\n {2}two: Title of two$/,
  );
  expect(next).toMatch(/: runbook approve orders-\S+ one --digest sha256:one$/);
});

describe('a step that asks nothing', () => {
  test.each(['group/part', 'group.undo'])('names %s, which does', (id) => {
    const waitingFor = [wait(id, { kind: 'failure', verbs: ['retry'] })];
    const steps = [step('group', { state: 'needs-operator' })];
    const run = reading({ state: 'needs-operator', waitingFor, steps });
    const { message } = thrown(() => waitToDecide(run, 'group', 'retry', 'runbook'));
    expect(message).toContain(`asks nothing itself; answer ${id}.`);
    expect(message).not.toContain('does not wait for people');
  });

  test('is told as it is, and what the run does', () => {
    const steps = [step('a', { state: 'succeeded' }), step('b', { state: 'running' })];
    const { message } = thrown(() => waitToDecide(reading({ steps }), 'a', 'retry', 'runbook'));
    expect(message).toContain(
      'asks nothing now: it is succeeded, and the run is running, at step b (Title of b).',
    );
  });
});

test('a decision that comes after the deadline is told of it, and how the run is started again', () => {
  const problem = { type: 'Expired' as const, message: 'nobody decided gate before its deadline' };
  const ended = reading({ state: 'rejected', problem });
  const { message, next, exitCode } = thrown(() =>
    waitToDecide(ended, 'gate', 'approve', './runbook'),
  );
  expect(exitCode).toBe(4);
  expect(message).toContain('has ended (rejected: nobody decided gate before its deadline); there');
  expect(next).toMatch(
    /report orders-\S+\. Start it again with: \.\/runbook start --from orders-\S+$/,
  );
  const good = thrown(() => waitToDecide(reading({ state: 'succeeded' }), 'gate', 'approve', 'r'));
  expect(good.message).toContain('has ended (succeeded); there is nothing to decide');
  expect(good.next).not.toContain('again');
  const error = { type: 'Expired' as const, message: 'nobody decided gate before its deadline' };
  const gate = step('gate', { kind: 'approval', state: 'failed', error });
  const undoing = reading({ state: 'rolling-back', steps: [gate] });
  expect(thrown(() => waitToDecide(undoing, 'gate', 'approve', 'r')).message).toContain(
    'is closed: nobody decided gate before its deadline',
  );
});

test('a rollback of nothing is refused, unless it cannot be known or goes on already', () => {
  expect(thrown(() => refuseEmptyRollback(reading({ undos: [] }), 'runbook'))).toMatchObject({
    exitCode: 4,
    next: expect.stringContaining('runbook cancel'),
  });
  for (const run of [
    reading({ undos: ['a'] }),
    reading({}),
    { ...reading({ undos: [] }), note: 'Read from the record.' },
    reading({ undos: [], state: 'rolling-back' }),
  ])
    expect(() => refuseEmptyRollback(run, 'runbook')).not.toThrow();
});

test('a server that takes a decision and does not answer: the same decision can be sent again', async () => {
  const cause = Object.assign(new Error('x'), { code: 4, details: 'Deadline exceeded' });
  class Silent extends Session {
    override temporal(): Promise<Temporal> {
      const within = () => Promise.reject(new ServiceError('Failed to signal', { cause }));
      return Promise.resolve({ ...connectTemporal({ address: 'silent:7233' }, {}), within });
    }
  }
  const decision = decisionEnvelope({
    ...{ run: 'r', verb: 'approve', by: 'ada', reason: 'looked at it', wait: wait('one') },
  });
  await expect(sendDecision(new Silent({}, recordedIo()), decision, 0)).rejects.toMatchObject({
    message: expect.stringContaining('it is not known whether the decision arrived'),
    next: expect.stringMatching(/ approve r one .*--digest sha256:one --decision-id [\da-f-]{36}$/),
    exitCode: 6,
  });
});
