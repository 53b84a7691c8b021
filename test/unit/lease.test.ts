import { expect, test } from '@jest/globals';
import { heldText, leasedTargets } from '../../common/lease.js';
import type { PlannedTarget } from '../../language/plan.js';
import type { StepSpec } from '../../language/runbook.js';

const target = (name: string, kind = 'service'): PlannedTarget => ({
  name,
  kind,
  environment: 'test',
  isolated: false,
  addresses: [],
  facts: {},
  digest: '',
});
const step = (
  kind: StepSpec['kind'],
  effect: StepSpec['effect'],
  steps?: StepSpec[],
): StepSpec => ({
  id: 'x',
  title: 'X',
  kind,
  effect,
  ...(steps ? { steps } : {}),
});

test('a plan that changes something leases its targets, each once, sorted, webhooks excepted', () => {
  const targets = [target('b'), target('a'), target('b'), target('chat', 'webhook')];
  expect(leasedTargets({ steps: [step('http', 'read'), step('sql', 'change')], targets })).toEqual([
    'a',
    'b',
  ]);
  expect(leasedTargets({ steps: [step('command', 'destroy')], targets })).toEqual(['a', 'b']);
});

test('a change inside a group counts; what a group says of itself does not', () => {
  const targets = [target('a')];
  expect(
    leasedTargets({ steps: [step('parallel', 'read', [step('http', 'change')])], targets }),
  ).toEqual(['a']);
  expect(
    leasedTargets({ steps: [step('parallel', 'change', [step('http', 'read')])], targets }),
  ).toEqual([]);
});

test('reading, and telling people, leases nothing', () => {
  expect(
    leasedTargets({
      steps: [step('http', 'read'), step('notify', 'change')],
      targets: [target('a')],
    }),
  ).toEqual([]);
});

test('who has a target is said in a sentence', () => {
  const held = {
    target: 'a',
    run: 'r-1',
    runbook: 'x',
    requester: 'ann',
    since: '2026-03-01T02:00:07.123Z',
    fence: 1,
  };
  expect(heldText({ ...held, inLine: false })).toBe(
    'target a is held by run r-1 (x, started by ann) since 2026-03-01 02:00:07 UTC',
  );
  expect(heldText({ ...held, inLine: true })).toBe(
    'target a is free, and run r-1 (x, started by ann) has waited for it since 2026-03-01 02:00:07 UTC',
  );
});
