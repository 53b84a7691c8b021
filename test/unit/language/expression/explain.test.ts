import { describe, expect, test } from '@jest/globals';
import { explain } from '../../../../language/expression/explain.js';
import type { Scope } from '../../../../language/expression/evaluation.js';
import { read } from './read.js';

const scope: Scope = {
  inputs: { max: 10, name: 'api', waits: [], long: 'x'.repeat(100), database: { name: 'main' } },
  steps: {
    how_bad: { ok: true, free_percent: 3 },
    assess: {
      from_app: { ok: true, failed: false },
      log: { stdout: 'redo' },
      disk: { full: false },
    },
    login: { failed: true, error: { type: 'AuthenticationFailed' } },
    blocked: {
      roots: [1, 2],
      rows: [
        { pid: 4, kind: 'deployment' },
        { pid: 5, kind: 'config' },
      ],
    },
  },
};

describe('the parts that decided, with the values that they saw', () => {
  test.each([
    ['steps.how_bad.free_percent < 5', ['free_percent (3) < 5 is true']],
    ['5 > steps.how_bad.free_percent', ['5 > free_percent (3) is true']],
    ['steps.assess.from_app.ok', ['from_app.ok is true']],
    ['!steps.assess.from_app.ok', ['from_app.ok is true']],
    ['inputs.database.name == "x"', ['database.name ("main") == "x" is false']],
    [
      'steps.login.error.type == "AuthenticationFailed"',
      ['login.error.type ("AuthenticationFailed") == "AuthenticationFailed" is true'],
    ],
    // One part decides, and only it is told.
    ['steps.how_bad.free_percent < 5 || inputs.max > 3', ['free_percent (3) < 5 is true']],
    ['inputs.max > 3 && steps.how_bad.free_percent > 5', ['free_percent (3) > 5 is false']],
    // All of them do.
    [
      'inputs.max > 3 && steps.how_bad.free_percent < 5',
      ['max (10) > 3 is true', 'free_percent (3) < 5 is true'],
    ],
    [
      'inputs.max > 30 || (steps.how_bad.free_percent > 5 && inputs.max > 1)',
      ['max (10) > 30 is false', 'free_percent (3) > 5 is false'],
    ],
    ['size(steps.blocked.roots) > 0', ['size(steps.blocked.roots) (2) > 0 is true']],
    ['inputs.name in ["a", "b"]', ['inputs.name ("api") in ["a", "b"] is false']],
    [
      'steps.assess.log.stdout.contains("redo")',
      ['steps.assess.log.stdout.contains("redo") is true'],
    ],
    ['has(inputs.standby)', ['has(inputs.standby) is false']],
    [
      'inputs.max > 3 ? steps.login.failed : false',
      ['max (10) > 3 is true', 'login.failed is true'],
    ],
    // The item that decided.
    ['steps.blocked.rows.exists(r, r.kind == "config")', ['kind ("config") == "config" is true']],
    ['steps.blocked.rows.all(r, r.pid < 5)', ['pid (5) < 5 is false']],
    [
      'steps.blocked.rows.exists(r, r.pid > 9)',
      ['steps.blocked.rows.exists(r, r.pid > 9) is false, of 2 items'],
    ],
    // Two paths with one end are told apart.
    ['steps.assess.from_app.ok && steps.how_bad.ok', ['from_app.ok is true', 'how_bad.ok is true']],
    ['inputs.long == "y"', [`long ("${'x'.repeat(40)}…") == "y" is false`]],
    ['inputs.waits == []', ['waits (0 items) == [] is true']],
  ])('%s', (source, lines) => {
    expect(explain(read(source), scope)).toEqual(lines);
  });
});

describe('what was missing', () => {
  test.each([
    ['steps.probe.value > 5', ['there is no steps.probe']],
    ['inputs.max > 3 && steps.probe.value > 5', ['there is no steps.probe']],
    [
      'steps.how_bad.x > 1 || steps.how_bad.y > 1 || inputs.max > 30',
      ['there is no steps.how_bad.x', 'there is no steps.how_bad.y'],
    ],
    ['inputs.name > 3', ['inputs.name > 3: cannot compare a text with an integer']],
    ['inputs.name', ['inputs.name is "api"']],
    ['steps.blocked.rows.all(r, r.more > 1)', ['there is no r.more']],
  ])('%s', (source, lines) => {
    expect(explain(read(source), scope)).toEqual(lines);
  });
});

test('an explanation is short, however large the condition is', () => {
  const parts = Array.from({ length: 40 }, (_unused, at) => `inputs.max > ${at + 100}`);
  expect(explain(read(parts.join(' || ')), scope)).toHaveLength(8);
  expect(explain(read('range(9000).exists(x, range(9000).exists(y, x + y < 0))'), {})).toEqual([
    'the expression needs more than 20000 steps',
  ]);
});
