import { describe, expect, test } from '@jest/globals';
import { workersCheck, type WorkerSigns } from '../../../client/doctor-workers.js';

const now = Date.parse('2026-03-01T02:00:00.000Z');
const ago = (seconds: number): number => now - seconds * 1_000;
const poll = (identity: string, seconds: number) => ({
  ...{ identity, lastSeen: new Date(ago(seconds)).toISOString() },
});
const report = (worker: string, seconds: number) => ({ worker, silentMs: seconds * 1_000 });
const check = (signs: Partial<WorkerSigns>) =>
  workersCheck('runbooks', { ...{ polls: [], beats: [], reports: [] }, ...signs }, now);

describe('workers that doctor lists', () => {
  test('live ones, with when they were heard of', () => {
    const signs = { polls: [poll('a:1', 20), poll('a:1', 2)], reports: [report('a:1', 4)] };
    expect(check(signs)).toEqual({
      ...{ name: 'worker', state: 'ok', fix: null },
      found: 'answers on runbooks: a:1 (heard of 4.0 s ago)',
    });
  });

  test.each([
    [
      'by its heartbeat',
      { beats: [{ identity: 'b:2', at: ago(40) }], reports: [report('b:2', 40)] },
    ],
    ['by its report', { reports: [report('b:2', 90)] }],
  ])('one that died is none of them, although Temporal lists it still: %s', (_how, signs) => {
    const { beats = [], reports } = { beats: [], ...signs };
    const all = {
      polls: [poll('a:1', 2), poll('b:2', 45)],
      beats: [...beats, ...(beats.length > 0 ? [{ identity: 'a:1', at: ago(1) }] : [])],
      reports: [...reports, report('a:1', 1)],
    };
    const { state, found, fix } = check(all);
    expect(state).toBe('warning');
    expect(found).toMatch(/^answers on runbooks: a:1 \([^,]*\); silent: b:2 \(heard of /);
    expect(fix).toContain('start one there again');
  });

  test('one that ended in order is not mentioned', () => {
    for (const seconds of [3, 54, 100]) {
      const signs = { polls: [poll('a:1', 2), poll('b:2', seconds)], reports: [report('a:1', 1)] };
      expect(check(signs)).toMatchObject({
        ...{ state: 'ok', found: expect.not.stringContaining('b:2') },
      });
    }
    // Where nothing is known of reports, a poll has to do.
    const polls = [poll('a:1', 2), poll('b:2', 54)];
    expect(check({ polls }).found).toContain('b:2');
  });

  test('one that died is no trouble once another lives on its host', () => {
    const polls = [poll('vm:9148', 90), poll('vm:9301', 2), poll('other:9148', 90)];
    const reports = [report('vm:9148', 90), report('vm:9301', 1)];
    expect(check({ polls: polls.slice(0, 2), reports })).toMatchObject({ state: 'ok', fix: null });
    const [found, fix] = [
      /silent: other:9148 \([^;]*$/,
      expect.stringContaining('start one there'),
    ];
    expect(check({ polls, reports: [...reports, report('other:9148', 90)] })).toMatchObject({
      ...{ state: 'warning', found: expect.stringMatching(found), fix },
    });
  });
});
