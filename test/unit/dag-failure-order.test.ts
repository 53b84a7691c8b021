import { describe, expect, test } from '@jest/globals';
import type { JobState } from '../../common/answers.js';
import { randomFrom } from '../../testing/driver/random.js';
import {
  chooseRuns,
  nextBatch,
  type DagState,
  type FailedRun,
  type Wanted,
} from '../../workflows/dag-failure-recovery/order.js';
import { whyStopped } from '../helpers/declared.js';

/* Which failed DAG runs are recovered after an outage, and in which order. */

const all: Wanted = { jobs: [], sinceMs: 0, atMost: 100 };
const due = (day: number): string => `2026-01-${String(day).padStart(2, '0')}T00:00:00Z`;

/** @param days each with how its DAG run ended; the newest last */
function dag(name: string, days: JobState[], more: Partial<DagState> = {}): DagState {
  const jobs = days.map((status, at) => ({
    ...{ id: `${name}-${at + 1}`, status, stage: null, dataset: `${at + 1}` },
    created: due(at + 1),
  }));
  return {
    ...{ pipeline: name, dag: name, upstream: [], isInTurn: false },
    ...more,
    jobs: (more.jobs ?? jobs).toReversed(),
  };
}

const ids = (runs: readonly FailedRun[]): string[] => runs.map(({ job }) => job);

describe('after an outage', () => {
  test('the oldest data come first, of all DAGs, and what has not failed is left alone', () => {
    const chosen = chooseRuns(
      [dag('b', ['failed', 'completed', 'failed']), dag('a', ['running', 'failed', 'stopped'])],
      all,
    );
    expect(ids(chosen.runs)).toEqual(['b-1', 'a-2', 'b-3']);
    expect(chosen.beyond).toBe(0);
  });

  test('of one dataset the newest DAG run decides, as for one recovery', () => {
    const jobs = (['failed', 'failed', 'completed'] as const).map((status, at) => ({
      ...{ id: `r-${at}`, status, stage: null, dataset: at < 2 ? 'x' : 'y', created: due(at + 1) },
    }));
    expect(ids(chooseRuns([dag('a', [], { jobs })], all).runs)).toEqual(['r-1']);
  });

  test('only so many, those that were due, or those that are named', () => {
    const dags = [dag('a', ['failed', 'failed', 'failed'])];
    expect(chooseRuns(dags, { ...all, atMost: 2 })).toMatchObject({
      ...{ beyond: 1, runs: [{ job: 'a-1' }, { job: 'a-2' }] },
    });
    const since = { ...all, sinceMs: Date.parse(due(3)) };
    expect(ids(chooseRuns(dags, since).runs)).toEqual(['a-3']);
    expect(ids(chooseRuns(dags, { ...since, jobs: ['a-1'] }).runs)).toEqual(['a-1']);
    expect(whyStopped(() => chooseRuns(dags, { ...all, sinceMs: Date.parse(due(4)) }))).toContain(
      'no DAG run is left failed that was due since 2026-01-04',
    );
    expect(whyStopped(() => chooseRuns(dags, { ...all, jobs: ['a-1', 'a-9'] }))).toContain(
      'no failed DAG run among the newest 100 of each pipeline is called a-9',
    );
  });

  test('a DAG run waits for the one before it, and for all of what its DAG reads', () => {
    const dags = [
      dag('sums', ['failed'], { upstream: ['days'] }),
      dag('days', ['failed', 'completed', 'failed'], { isInTurn: true }),
    ];
    const { runs } = chooseRuns(dags, all);
    expect(runs).toMatchObject([
      { job: 'sums-1', after: ['days days-1', 'days days-3'] },
      { job: 'days-1', after: [] },
      { job: 'days-3', after: ['days days-1'] },
    ]);
    expect(ids(nextBatch(runs, new Set(), 5))).toEqual(['days-1']);
    const left = runs.filter(({ job }) => job !== 'days-1');
    expect(nextBatch(left, new Set(), 5)).toEqual([]);
    expect(ids(nextBatch(left, new Set(['days days-1']), 5))).toEqual(['days-3']);
  });

  test('DAGs that read one another have no order', () => {
    const circle = [
      dag('a', ['failed'], { upstream: ['b'] }),
      dag('b', ['failed'], { upstream: ['a'] }),
    ];
    expect(whyStopped(() => chooseRuns(circle, all))).toContain('a, b read one another');
  });

  test('whatever has failed, no batch is larger than allowed, or before what it waits for', () => {
    const random = randomFrom(20_261_130);
    let [most, refused] = [0, 0];
    for (let round = 0; round < 200; round += 1) {
      const states = (): JobState[] =>
        Array.from({ length: 6 }, () => (random() < 0.6 ? 'failed' : 'completed'));
      const dags = ['a', 'b', 'c'].map((name, at) =>
        dag(name, states(), {
          isInTurn: random() < 0.5,
          upstream: ['a', 'b', 'c'].slice(0, at).filter(() => random() < 0.5),
        }),
      );
      if (!dags.some(({ jobs }) => jobs.some(({ status }) => status === 'failed'))) continue;
      const { runs } = chooseRuns(dags, all);
      const atOnce = 1 + Math.floor(random() * 4);
      const recovered = new Set<string>();
      let left = runs;
      for (;;) {
        const batch = nextBatch(left, recovered, atOnce);
        if (batch.length === 0) break;
        most = Math.max(most, batch.length);
        expect(batch.length).toBeLessThanOrEqual(atOnce);
        for (const { after } of batch) expect(after.every((id) => recovered.has(id))).toBe(true);
        left = left.filter((run) => !batch.includes(run));
        // Some fail again: what waits for them is never begun.
        for (const { id } of batch) if (random() < 0.8) recovered.add(id);
      }
      refused += left.length;
      for (const { after } of left) expect(after.every((id) => recovered.has(id))).toBe(false);
    }
    // Else the rounds have shown nothing.
    expect([most > 1, refused > 0]).toEqual([true, true]);
  });
});
