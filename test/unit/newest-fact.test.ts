import { assertExpected } from '../../activities/expect.js';
import { judgeAnswer } from '../../activities/judge-answer.js';
import type { Json } from '../../language/json.js';
import { describe, expect, test } from '@jest/globals';
import type { JobState, JobRow } from '../../common/answers.js';
import { cureOf, failedJob, noJobs } from '../../workflows/pipeline-recovery/found-jobs.js';
import { declarationOfParts } from '../../lab/airflow/declaration.js';
import { declarationOf } from '../../lab/dbt/declaration.js';
import { declaration as flights } from '../../lab/pipeline/declaration.js';
import { declared, runnerFor, whyStopped } from '../helpers/declared.js';
import { readInputs } from '../../workflows/full-system-disaster-recovery/inputs.js';

/*
 * A window for a default does not apply to an explicit inputs, and the newest fact about a thing
 * decides.
 */

const runners = {
  http: runnerFor(flights),
  dbt: runnerFor(declarationOf('/venv/bin/dbt', '/srv/dbt')),
  airflow: runnerFor(declarationOfParts),
  program: runnerFor({
    run: { program: { path: '/srv/control', stops: true } },
    data: flights.data,
  }),
};
const whole = declared(declarationOfParts).data;

function jobs(...told: [id: string, status: JobState, dataset?: string][]): JobRow[] {
  return told.map(([id, status, dataset = 'flights'], index) => ({
    ...{ id, status, dataset, stage: 'load' },
    created: new Date(Date.UTC(2026, 2, 10 - index)).toISOString(),
  }));
}

describe('the job to recover', () => {
  test('is the one that was asked for, however old it is', () => {
    const old = jobs(['new', 'failed', 'other'], ['old', 'failed']);
    expect(failedJob(old, 'old').id).toBe('old');
    expect(failedJob(old, undefined).id).toBe('new');
  });

  test.each([
    ['completed', 'job later has completed dataset flights since', 'no job is left failed'],
    ['failed', 'job later of the same dataset has failed too', '--input job=later'],
    ['running', 'job later already works on dataset flights', 'Wait for that job'],
  ] as const)('is not one after which another was %s', (status, said, next) => {
    const told = jobs(['later', status], ['old', 'failed']);
    expect(() => failedJob(told, 'old')).toThrow(said);
    try {
      failedJob(told, 'old');
    } catch (error) {
      expect(error).toMatchObject({ problem: { next: expect.stringContaining(next) } });
    }
  });

  test('is none while it runs, and what it waits for is told', () => {
    const [only] = jobs(['only', 'running']);
    const waiting = [{ ...(only as JobRow), waits: ['wait_for_file is deferred'] }];
    const words = 'job only is running (it waits: wait_for_file is deferred)';
    expect(() => failedJob(waiting, 'only')).toThrow(`${words}: it has not failed`);
    expect(() => failedJob(waiting, undefined)).toThrow(
      `no job failed in the last 24 hours; ${words}`,
    );
    expect(() => failedJob([...waiting, ...jobs(['old', 'failed'])], 'old')).toThrow(
      'already works on dataset flights (it waits: wait_for_file is deferred)',
    );
  });

  test('is still the old one when what came after it was stopped', () => {
    expect(failedJob(jobs(['later', 'stopped'], ['old', 'failed']), undefined).id).toBe('old');
  });

  test('is none where all were recovered since; another dataset has its own', () => {
    const told = jobs(['later', 'completed'], ['old', 'failed']);
    expect(() => failedJob(told, undefined)).toThrow('was recovered since');
    expect(failedJob([...told, ...jobs(['lost', 'failed', 'hotels'])], undefined).id).toBe('lost');
  });

  test('the advice never leads back to the refusal', () => {
    const told = jobs(['c', 'failed'], ['b', 'failed'], ['a', 'failed']);
    const advised = (wanted: string): string | undefined => {
      try {
        failedJob(told, wanted);
        return undefined;
      } catch (error) {
        const { next } = (error as { problem: { next: string } }).problem;
        return /job=(\w+)/.exec(next)?.[1];
      }
    };
    expect(['a', 'b', 'c'].map(advised)).toEqual(['c', 'c', undefined]);
  });
});

describe('a job that nobody knows any more', () => {
  /** What orchestrators answer of such a job. */
  const gone: Partial<Record<string, Json>> = {
    http: { status: 404, text: 'no such page' },
    airflow: { status: 404, json: { detail: 'not found' } },
    program: { answer: { status: 'unknown', stage: null, error: null } },
  };

  test.each(Object.entries(runners))(
    '%s: ends the look at it and following it, with what to do',
    (way, runner) => {
      const { work } = runner.follow('job-7', 60_000);
      // dbt has no jobs: it is followed by reading its folder.
      if (work.action.kind !== 'check') return expect(way).toBe('dbt');
      const answer = gone[way] as Json;
      expect(judgeAnswer(work.action.until, answer).holds).toBe(true);
      const looks = Object.values(runner.look('job-7').parts);
      const known = looks.filter(({ expect: demands }) => demands).concat(work);
      expect(known).toHaveLength(2);
      for (const { expect: demands = [] } of known)
        expect(() => assertExpected(demands, answer)).toThrow('does not know job job-7');
    },
  );
});

describe('how old a backup may be', () => {
  const hour = 3_600_000;
  const now = Date.parse('2026-03-10T12:00:00Z');
  const inputs = { max_backup_age: '26h', recover_to: 'latest', watch: '1m', window: '1m' };
  const ageOf = (change: object, given = {}): number =>
    readInputs({ ...inputs, ...change }, given, now).maxBackupAgeMs / hour;

  test('is counted from the point in time that was named, unless the age was named too', () => {
    const recover_to = '2026-03-07T12:00:00Z';
    expect(ageOf({})).toBe(26);
    expect(ageOf({ recover_to }, { recover_to })).toBe(26 + 72);
    expect(ageOf({ recover_to, max_backup_age: '2h' }, { recover_to, max_backup_age: '2h' })).toBe(
      2,
    );
  });
});

test.each([
  ['running', false, 'Look again when it has ended.'],
  ['failed', false, 'pipeline-recovery moves it away.'],
  ['completed', true, 'when the job is named: --input job=one'],
  ['completed', false, 'pipeline-recovery recovers failed jobs only'],
] as const)('what mends wrong data where the newest job is %s', (status, isLookedAt, cure) => {
  const job = { id: 'one', status, stage: null, created: '2026-03-01T02:00:00Z', dataset: null };
  const knowledge = { recoversCompleted: isLookedAt };
  expect(cureOf(declared(flights).data, job, knowledge)).toContain(cure);
  expect(cureOf(whole, job, knowledge)).toContain(cure.replace('moves it away', 'makes it anew'));
});

describe('where there is no job', () => {
  const [day, all] = [
    { recoversCompleted: true },
    { recoversCompleted: true, remembers: 'Airflow' },
  ] as const;

  test('nobody says that it did not fail: it never ran, or nobody knows of an older one', () => {
    expect(whyStopped(() => failedJob([], undefined, all))).toBe(
      'it has never run, as far as Airflow knows',
    );
    expect(whyStopped(() => failedJob([], undefined, day))).toBe(
      'no job failed in the last 24 hours',
    );
    expect([noJobs(all), noJobs(day)]).toEqual([
      'none: it has never run, as far as Airflow knows',
      'none in the last 24 hours',
    ]);
    expect(cureOf(whole, undefined, all)).toMatch(/^Let it run once: /);
    expect(cureOf(whole, undefined, day)).toContain('--input job=ID');
  });

  test.each(Object.entries(runners))('%s tells how far back it knows them', (way, runner) => {
    expect(runner.remembers).toBe({ dbt: 'dbt', airflow: 'Airflow' }[way]);
  });

  test('of older ones than a day, where all are known, too', () => {
    expect(whyStopped(() => failedJob(jobs(['one', 'completed']), undefined, all))).toBe(
      'no job failed',
    );
  });
});
