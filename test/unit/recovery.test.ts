import { describe, expect, test } from '@jest/globals';
import { drillWords, isDrillDue } from '../../client/drills.js';
import { reachedWords, recoveryRows, verdictWords } from '../../client/report/recovery.js';
import { judgeRecovery } from '../../common/recovery.js';
import type { RunView, StepView } from '../../common/view.js';
import type { Plan } from '../../language/plan.js';
import type { DrillRecord } from '../../store/index.js';

const at = (seconds: number): string =>
  new Date(Date.UTC(2026, 0, 1) + seconds * 1_000).toISOString();

function row(
  id: string,
  from: number | null,
  to: number | null,
  kind: StepView['kind'] = 'command',
): StepView {
  return {
    ...{
      id,
      title: id,
      kind,
      effect: 'read',
      state: 'succeeded',
      attempts: 1,
      output: null,
      error: null,
    },
    startedAt: from === null ? null : at(from),
    endedAt: to === null ? null : at(to),
  };
}

const step = (id: string, more: object = {}) => ({
  id,
  title: id,
  kind: 'command',
  effect: 'read',
  ...more,
});

const plan = {
  objectives: { rtoMinutes: 2, rpoMinutes: 1, services: { api: { rtoMinutes: 1, rpoMinutes: 1 } } },
  steps: [
    step('assess', { kind: 'runbook', clock: 'decide', steps: [step('look')] }),
    step('gate', { kind: 'approval' }),
    step('restore', { kind: 'runbook', steps: [step('copy'), step('check', { clock: 'verify' })] }),
  ],
} as unknown as Plan;

const view = {
  startedAt: at(10),
  steps: [
    row('assess', 10, 20),
    row('assess/look', 11, 19),
    row('gate', 20, 50, 'approval'),
    row('restore', 50, 90),
    row('restore/copy.2', 52, 70),
    row('restore/check', 60, 85),
    row('later', null, null),
  ],
} as unknown as RunView;

const facts = { failedAt: at(0), recoveredTo: at(-30), healthyAt: at(100) };

describe('what a recovery reached', () => {
  test('time and loss count from the failure, and are judged', () => {
    const recovery = judgeRecovery(
      {
        ...facts,
        services: {
          api: { healthyAt: at(90), recoveredTo: at(-5) },
          mail: { healthyAt: at(1), recoveredTo: at(5) },
        },
      },
      plan,
      view,
    );
    expect(recovery).toMatchObject({ rtoMs: 100_000, rpoMs: 30_000, met: true });
    expect(recovery.services).toEqual({
      api: { rtoMs: 90_000, rpoMs: 5_000, met: false, objective: { rtoMinutes: 1, rpoMinutes: 1 } },
      mail: { rtoMs: 1_000, rpoMs: 0, met: null, objective: null },
    });
    expect(verdictWords(recovery)).toBe('reached');
    expect(reachedWords(recovery)).toBe('RTO 1 min 40 s of 2 min, RPO 30.0 s of 1 min');
  });

  test('a service with an objective that nobody measured is told of, and neither reached nor missed', () => {
    const { unmeasured } = judgeRecovery(facts, plan, view);
    expect(unmeasured).toEqual({ api: { rtoMinutes: 1, rpoMinutes: 1 } });
    expect(recoveryRows(judgeRecovery(facts, plan, view)).at(-1)).toEqual({
      ...{
        name: 'api',
        met: null,
        verdict: 'not measured',
        reached: 'RTO of 1 min, RPO of 1 min are to be reached',
      },
    });
  });

  test('either one that is missed is a miss, and without an objective there is no verdict', () => {
    expect(judgeRecovery({ ...facts, healthyAt: at(121) }, plan, view).met).toBe(false);
    expect(judgeRecovery({ ...facts, recoveredTo: at(-61) }, plan, view).met).toBe(false);
    const { steps } = plan;
    const open = judgeRecovery(facts, { steps } as Plan, view);
    expect(open.met).toBeNull();
    expect(verdictWords(open)).toBe('no objective');
    expect(reachedWords(open)).toBe('RTO 1 min 40 s, RPO 30.0 s');
  });

  test('every second has gone somewhere, once', () => {
    const { spent, rtoMs } = judgeRecovery(facts, plan, view);
    // Where copying and checking overlap, it is the check that everybody waits for in the end.
    expect(spent).toEqual({
      detect: 10_000,
      decide: 10_000,
      approve: 30_000,
      execute: 25_000,
      verify: 25_000,
    });
    expect(Object.values(spent).reduce((sum, ms) => sum + ms)).toBe(rtoMs);
  });

  test('what still goes on counts up to health, and a failure after the start was not detected late', () => {
    const open = {
      startedAt: at(0),
      steps: [row('gate', 40, null, 'approval')],
    } as unknown as RunView;
    const { spent } = judgeRecovery({ ...facts, failedAt: at(20), healthyAt: at(100) }, plan, open);
    expect(spent).toEqual({ detect: 0, decide: 0, approve: 60_000, execute: 20_000, verify: 0 });
  });
});

describe('how old a drill is', () => {
  const now = Date.parse(at(0));
  const day = 86_400;
  const spec = { drillEveryDays: 30 };
  const recovery = judgeRecovery(facts, plan, view);
  const drill = (more: Partial<DrillRecord>): DrillRecord => ({
    ...{
      runbook: 'r',
      run: 'r-1',
      state: 'succeeded',
      endedAt: at(-5 * day),
      recovery: null,
      wellAt: at(-5 * day),
    },
    ...more,
  });

  test('one that went well in time is not due; none, an old one and one that failed are', () => {
    expect(isDrillDue(spec, drill({}), now)).toBe(false);
    expect(isDrillDue(spec, undefined, now)).toBe(true);
    expect(isDrillDue(spec, drill({ wellAt: at(-31 * day) }), now)).toBe(true);
    expect(isDrillDue(spec, drill({ state: 'failed', wellAt: null }), now)).toBe(true);
    expect(isDrillDue({}, undefined, now)).toBe(false);
  });

  test('is said in one line', () => {
    expect(drillWords({}, undefined, now)).toBe('never');
    expect(drillWords(spec, undefined, now)).toBe('never; one is due every 30 days');
    expect(drillWords(spec, drill({ recovery }), now)).toBe(
      '5 d ago: well, RTO 1 min 40 s of 2 min, RPO 30.0 s of 1 min (r-1)',
    );
    expect(drillWords(spec, drill({ recovery: { ...recovery, met: false } }), now)).toContain(
      'missed its objective',
    );
    expect(drillWords(spec, drill({ state: 'failed', wellAt: null }), now)).toBe(
      '5 d ago: failed (r-1); one is due every 30 days',
    );
  });
});
