import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { admit } from '../../../activities/admit.js';
import { Targets } from '../../../activities/targets.js';
import { leasedTargets } from '../../../common/lease.js';
import type { StartEnvelope } from '../../../common/envelope.js';
import type { RunbookSpec } from '../../../language/runbook.js';
import { change, runbook } from '../../driver/plans.js';
import { envelope } from '../../driver/world.js';

const deps = {
  targets: Targets.load(join(import.meta.dirname, '..', '..', 'driver', 'targets.yaml')),
  procedure: 'sha256:test',
  settings: { command: 'runbook', uiUrl: null, heartbeatMs: 10_000, hostWaitMs: 120_000 },
};

const admission = (spec: RunbookSpec, more: Partial<StartEnvelope> = {}, others = [spec]) =>
  admit({ ...envelope('told', {}), ...more }, { ...deps, catalogue: others });

function admitted(spec: RunbookSpec, others?: RunbookSpec[]) {
  const answer = admission(spec, {}, others);
  if (!answer.admitted) throw new Error(answer.problem.message);
  return answer.plan;
}

const on = (target: unknown) => ({ kind: 'command', argv: ['do'], target });
const check = (target: unknown) => ({
  ...{ kind: 'check', probe: on(target), until: 'out.exitCode == 0', everyMs: 100 },
});
const acting = (work: object) => change('one', { work: { undo: on('web'), ...work } });

/** Every place of a step where a target can be named, with the work that names it there. */
const places: Record<string, (target: unknown) => object> = {
  'what it does': (target) => acting({ action: on(target) }),
  'what undoes it': (target) => acting({ action: on('web'), undo: on(target) }),
  'what verifies it': (target) => acting({ action: on('web'), verify: check(target) }),
  'what checks it': (target) => acting({ action: on('web'), check: check(target) }),
  'in a group': (target) => ({
    ...{ id: 'all', title: 'All', kind: 'parallel', effect: 'change' },
    steps: [acting({ action: on(target) })],
  }),
};

describe('a target that a step names', () => {
  test.each(Object.keys(places))('is in the plan: %s', (place) => {
    const plan = admitted(runbook([places[place]?.('mail') as object]));
    expect(plan.targets.map(({ name }) => name).sort()).toEqual(['mail', 'web']);
    const isLooking = /verifies|checks/.test(place);
    expect(leasedTargets(plan)).toEqual(isLooking ? ['web'] : ['mail', 'web']);
    expect(plan.digest).not.toBe(admitted(runbook([acting({ action: on('web') })])).digest);
  });

  test.each(Object.keys(places))('and is not declared is refused: %s', (place) => {
    expect(admission(runbook([places[place]?.('nowhere') as object]))).toMatchObject({
      admitted: false,
      problem: {
        type: 'Refused',
        message: expect.stringMatching(/acts on target "nowhere", which is not declared/),
      },
    });
  });

  test.each(Object.keys(places))('and is known only later is refused: %s', (place) => {
    const first = change('first');
    const later = places[place]?.({ $: 'steps.first.stdout' }) as object;
    expect(admission(runbook([first, later]))).toMatchObject({
      admitted: false,
      problem: {
        message: expect.stringMatching(/the target that steps\.first\.stdout names, which is not/),
      },
    });
  });

  test('is computed from inputs, from items and through nested runbooks', () => {
    const inputs = {
      word: { type: 'text', description: 'a word', default: 'mail' },
      where: { type: 'text', description: 'where', default: 'web' },
    };
    const inner = runbook(
      [change('one', { work: { action: on({ $: 'inputs.where' }) }, undo: undefined })],
      {
        ...{ id: 'inner', inputs },
      },
    );
    const each = (steps: object[]) => ({
      ...{ id: 'each', title: 'Each', kind: 'forEach', effect: 'change', items: ['live'], steps },
    });
    const outer = runbook(
      [
        each([change('item', { work: { action: on({ $: 'item' }) }, undo: undefined })]),
        {
          ...{ id: 'inside', title: 'Inside', kind: 'runbook', effect: 'change' },
          ...{ runbook: 'inner', inputs: { where: { $: 'inputs.word' } } },
        },
      ],
      { inputs },
    );
    expect(leasedTargets(admitted(outer, [outer, inner]))).toEqual(['live', 'mail']);
    const unknown = runbook([
      change('first'),
      {
        ...each([change('item', { work: { action: on({ $: 'item' }) }, undo: undefined })]),
        items: { $: 'steps.first' },
      },
    ]);
    expect(admission(unknown)).toMatchObject({
      admitted: false,
      problem: { message: expect.stringMatching(/step each\/item acts on the target that item/) },
    });
  });

  test('and is not isolated is not changed by a drill', () => {
    const live = runbook([acting({ action: on('live') })]);
    expect(admission(live, { drill: true })).toMatchObject({
      admitted: false,
      problem: {
        message: expect.stringMatching(/steps change target live, which is not isolated/),
      },
    });
    expect(admission(live).admitted).toBe(true);
  });

  test('that is a fact of another one is in the plan, and is one that there is', () => {
    const reads = (fact: string): RunbookSpec => {
      const name = { is: 'name', name: 'inputs', at: [0, 6] };
      const where = { is: 'field', of: name, name: 'where', at: [0, 12], as: 'target' };
      const ast = { is: 'field', of: where, name: fact, at: [0, 20], as: 'target' };
      const spec = runbook([acting({ action: on('web') })], {
        inputs: { where: { type: 'target', kind: 'service', description: 'w', default: 'live' } },
      });
      return { ...spec, outputs: { x: { $: `inputs.where.${fact}`, ast } } };
    };
    expect(admitted(reads('machine')).targets).toMatchObject([
      { name: 'live' },
      { name: 'web' },
      { name: 'mail', observed: true },
    ]);
    expect(admission(reads('owner'))).toMatchObject({
      admitted: false,
      problem: {
        message: 'the fact owner of target live is "nobody", which is no target',
      },
    });
  });
});
