import { describe, expect, test } from '@jest/globals';
import { judge } from '../../activities/judge.js';
import { renderHtml } from '../../client/report/html.js';
import { renderMarkdown } from '../../client/report/markdown.js';
import { attemptSpan, stepSpan, type Report } from '../../client/report/report.js';
import { facts, outputLines, summary, triesText } from '../../client/report/words.js';
import { decisionText } from '../../common/decision-text.js';
import { decisionView } from '../../common/decision-view.js';
import type { JudgeRequest } from '../../common/judgement.js';
import { at, rolledBackReport, succeededReport } from './report-fixture.js';

/* What an auditor holds against each other: a report leaves out nothing that the record knows. */

const stepOf = (report: Report, id: string) => report.view.steps.find((step) => step.id === id)!;

test('the first end of a run that was reset is told, with the reset', () => {
  const report = succeededReport();
  const end = { state: 'failed', endedAt: at(26.5), problem: null, outputs: {} } as const;
  report.view.formerEnds = [{ ...end, overAt: at(60), why: 'reset', reason: 'root: tries' }];
  const told = 'the run was reset in Temporal: root: tries; it goes on after its end';
  expect(facts(report)).toContainEqual(['Went on', expect.stringContaining(told)]);
  expect(facts(report)).toContainEqual(['First end', expect.stringMatching(/^Failed .*26\.5 s$/)]);
  expect(summary(report)).toContain(told);
});

test('a step that was undone has its own result and that of its undo, each in a line', () => {
  const report = rolledBackReport();
  const undone = report.view.steps.filter(({ state }) => state === 'undone');
  expect(undone).not.toEqual([]);
  for (const step of undone) {
    const own = report.attempts.find((attempt) => attempt.step === step.id && !attempt.undo)!;
    own.output = { moved: 7 };
    step.output = { putBack: 7 };
    expect(outputLines(step, report)).toEqual(['moved: 7', 'undo: putBack: 7']);
    own.output = null;
    own.state = 'cancelled';
    expect(outputLines(step, report)).toEqual(['cancelled', 'undo: putBack: 7']);
    step.attempts = 0;
    expect(triesText(step, report)).not.toBe('');
  }
});

test('that another worker took an attempt over is told wherever attempts are', () => {
  const report = succeededReport();
  const attempt = report.attempts.find(({ step }) => step === 'collect-log')!;
  expect(triesText(stepOf(report, 'collect-log'), report)).toBe('1');
  Object.assign(attempt, { takeOvers: 1, worker: 'vm:2119' });
  expect(triesText(stepOf(report, 'collect-log'), report)).toBe('1, taken over 1×');
  expect(summary(report)).toContain('1 attempt was taken over from a worker that died or stopped.');
  const told = 'taken over once from a worker that died or stopped, last by vm:2119';
  expect(renderMarkdown(report)).toContain(told);
  expect(renderHtml(report)).toContain(told);
});

test('a step lasts as long in the table as in the picture', () => {
  const report = succeededReport();
  const step = stepOf(report, 'collect-log');
  const attempt = report.attempts.find(({ step: of }) => of === step.id)!;
  // The run asked for it before a worker had time, and heard of its end later.
  step.startedAt = at(3.3);
  step.endedAt = at(4.4);
  expect(stepSpan(step, report)).toEqual(attemptSpan(attempt, report));
  expect(stepSpan(step, { ...report, attempts: [] })).toMatchObject({ to: Date.parse(at(4.4)) });
});

describe('an approval from the account that started the run', () => {
  const account = { user: 'root', host: 'vm' };
  const decision = {
    ...{ version: 1, id: 'd-1', run: 'run-1', verb: 'approve', reason: 'good', attempt: 1 },
    ...{ about: { kind: 'gate', id: 'gate' }, digest: 'sha256:1' },
  };
  const request = (by: string, sender: unknown): JudgeRequest =>
    ({
      ...{ version: 1, key: { run: 'run-1', firstRunId: 'first' }, requester: 'olga' },
      ...{ sender: account, ended: false },
      life: { paused: false, rollingBack: false, running: [], undos: [] },
      questions: [
        {
          ...{ kind: 'approval', id: 'gate', attempt: 1, digest: 'sha256:1' },
          ...{ state: 'waiting', deciders: 'anyone', verbs: ['approve', 'reject'] },
        },
      ],
      decisions: [
        { id: 'd-1', signal: 'decide', at: at(1), received: { ...decision, by, sender } },
      ],
    }) as unknown as JudgeRequest;
  const told = (by: string, sender: unknown): string => {
    const asked = request(by, sender);
    const [verdict] = judge(asked).verdicts;
    expect(verdict?.code).toBe('accepted');
    return decisionText(decisionView(asked.decisions[0]?.received, verdict!, at(1)));
  };

  test('is marked, under whatever other name', () => {
    expect(told('sven', account)).toContain(
      'accepted (under another name, but from the same account',
    );
  });

  test('is not marked from another account, or where it is not another name', () => {
    expect(told('sven', { ...account, user: 'sven' })).not.toContain('account');
    expect(told('sven', { ...account, host: 'other' })).not.toContain('account');
    expect(told('olga', account)).not.toContain('account');
    expect(told('sven', undefined)).not.toContain('account');
  });
});
