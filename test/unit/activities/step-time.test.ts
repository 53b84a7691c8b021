import { expect, test } from '@jest/globals';
import { AsPlanned } from '../../../activities/as-planned.js';
import type { AttemptRequest } from '../../../common/attempt.js';
import type { Action } from '../../../language/kinds/index.js';
import type { Plan } from '../../../language/plan.js';
import { runFacts } from '../../../language/run-facts.js';
import { written } from '../../driver/plans.js';

/*
 * The run says when the turn of a step came, and the worker takes no other step and no other time.
 */

const hour = 3_600_000;
const startedAt = Date.now() - 2 * hour;
const iso = (ms: number): string => new Date(ms).toISOString();
const run = runFacts({ id: 'r', startedAt: iso(startedAt), requester: 'ann', reason: '' });
const spec = written(
  ...['  - id: told', '    title: Tell', '    when: now < run.startedAt + duration("1h")'],
  ...['    command: say ${string(now)}', '    effect: read'],
);
const plan = {
  ...{ runbook: { id: 'r' }, steps: spec.steps, inputs: {}, targets: [], data: true },
} as unknown as Plan;

/** Why a worker would not do it. @param now when its turn came. @param said what it would say */
function whyNot(now: number | undefined, said = now ?? startedAt): string | null {
  const request = {
    ...{ version: 1, key: { run: 'r', firstRunId: '1' }, expect: [], attempts: 3, timeoutMs: 1 },
    step: { path: 'told', title: 'Tell', kind: 'command', effect: 'read' },
    // As an expression says it.
    action: { kind: 'command', argv: ['say', iso(said).replace('.000Z', 'Z')], given: [1] },
    ...(now === undefined ? {} : { now: iso(now) }),
  } as unknown as AttemptRequest<Action>;
  const nothing = { values: {}, approval: null, changes: null, settled: null, tried: null };
  const facts = { ...nothing, shown: null, programs: null, goesOn: false, despite: false };
  const planned = AsPlanned.of(request, plan, run);
  return planned?.whyNot(facts, { resumed: false, since: 0 })?.message ?? null;
}

const whole = Math.ceil(startedAt / 1_000) * 1_000;

test('a time between the start and now, in which its condition holds, is as planned', () => {
  expect(whyNot(whole)).toBe(null);
  expect(whyNot(whole + hour / 2)).toBe(null);
});

test.each([
  ['before the run', whole - hour, undefined, /its turn cannot have come at/],
  ['to come', whole + 24 * hour, undefined, /its turn cannot have come at/],
  ['too late for its condition', whole + 1.5 * hour, undefined, /its condition does not hold/],
  ['other than what it would say', whole, whole + 1_000, /action\.argv/],
  ['none', undefined, undefined, /its condition does not hold/],
])('a time that is %s is not', (_which, now, said, why) => {
  expect(whyNot(now, said)).toMatch(why);
});
