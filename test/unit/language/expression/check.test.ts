import { describe, expect, test } from '@jest/globals';
import { compile } from '../../../../language/expression/compile.js';
import type { Problem } from '../../../../language/expression/problem.js';
import type { Names, Type } from '../../../../language/expression/types.js';

const service: Type = {
  called: 'fact',
  target: ['service'],
  fields: { name: 'text', port: 'integer', platform: { choice: ['systemd', 'compose'] } },
};
const names: Names = {
  inputs: {
    called: 'input',
    mayLack: ['standby', 'limit'],
    fields: {
      max: 'integer',
      name: 'text',
      rate: 'number',
      internal: 'boolean',
      window: 'duration',
      starts_at: 'timestamp',
      tables: { list: 'text' },
      way: { choice: ['up', 'down'] },
      service,
      standby: service,
      limit: 'integer',
    },
  },
  steps: {
    called: 'step',
    fields: {
      measure: {
        called: 'output',
        fields: { value: 'number', count: 'text', rows: { list: { fields: { pid: 'integer' } } } },
      },
      from_app: { called: 'output', fields: { ok: 'boolean' } },
      empty: { called: 'output', fields: {} },
    },
  },
  out: 'dyn',
  now: 'timestamp',
};

function problemsOf(source: string, wanted: Type = 'boolean'): readonly Problem[] {
  const compiled = compile(source, names, wanted);
  return 'problems' in compiled ? compiled.problems : [];
}

describe('what is wrong, where, and what to write instead', () => {
  test.each([
    ['inputs.max > "8"', '⟨inputs.max > "8"⟩', 'write inputs.max > 8'],
    ['"8" < inputs.max', '⟨"8" < inputs.max⟩', 'write 8 < inputs.max'],
    ['inputs.internal == "true"', '⟨inputs.internal == "true"⟩', 'write inputs.internal == true'],
    ['inputs.window > "5m"', '⟨inputs.window > "5m"⟩', 'write inputs.window > duration("5m")'],
    [
      'now > "2026-01-31T12:00:00Z"',
      '⟨now > "2026-01-31T12:00:00Z"⟩',
      'write now > timestamp("2026-01-31T12:00:00Z")',
    ],
    ['inputs.window > "five"', '⟨inputs.window > "five"⟩', undefined],
    ['steps.measure.count > 5', '⟨steps.measure.count > 5⟩', 'write int(steps.measure.count) > 5'],
    ['steps.mesure.value > 0.7', 'steps.⟨mesure⟩.value > 0.7', 'did you mean steps.measure?'],
    [
      'steps.from-app.ok',
      'steps.⟨from⟩-app.ok',
      'a - between two names subtracts: write _ in its place, as in from_app',
    ],
    ['has(steps.mesure.value)', 'has(steps.⟨mesure⟩.value)', 'did you mean steps.measure?'],
    ['has(inputs.stanby)', 'has(inputs.⟨stanby⟩)', 'did you mean inputs.standby?'],
    ['steps.empty.ok', 'steps.empty.⟨ok⟩', undefined],
    ['inputs.service == "api"', '⟨inputs.service == "api"⟩', 'write inputs.service.name == "api"'],
    [
      'inputs.service in inputs.tables',
      '⟨inputs.service in inputs.tables⟩',
      'write inputs.service.name in inputs.tables',
    ],
    [
      'inputs.name.contains(inputs.service)',
      'inputs.name.contains(⟨inputs.service⟩)',
      'write inputs.service.name',
    ],
    [
      'inputs.service.platfrom == "x"',
      'inputs.service.⟨platfrom⟩ == "x"',
      'did you mean inputs.service.platform?',
    ],
    [
      'inputs.service.platform == "systemD"',
      'inputs.service.platform == ⟨"systemD"⟩',
      'did you mean "systemd"? the options are systemd, compose',
    ],
    ['"x" == inputs.way', '⟨"x"⟩ == inputs.way', 'the options are up, down'],
    [
      'inputs.way in ["up", "dwn"]',
      'inputs.way in ["up", ⟨"dwn"⟩]',
      'did you mean "down"? the options are up, down',
    ],
    ['inputs.name', '⟨inputs.name⟩', 'write inputs.name != ""'],
    ['!inputs.name', '!⟨inputs.name⟩', 'write inputs.name == ""'],
    ['inputs.max || inputs.internal', '⟨inputs.max⟩ || inputs.internal', 'write inputs.max != 0'],
    ['inputs.tables && true', '⟨inputs.tables⟩ && true', 'write size(inputs.tables) > 0'],
    ['inputs.service', '⟨inputs.service⟩', 'write has(inputs.service) to ask whether it is there'],
    ['inputs.standby == null', '⟨inputs.standby == null⟩', 'write !has(inputs.standby)'],
    ['null != inputs.limit', '⟨null != inputs.limit⟩', 'write has(inputs.limit)'],
    ['inputs.tables.length > 0', 'inputs.tables.⟨length⟩ > 0', 'write size(inputs.tables)'],
    [
      'steps.measure.rows.pid == 1',
      'steps.measure.rows.⟨pid⟩ == 1',
      'write steps.measure.rows[0].pid for the first, or steps.measure.rows.map(x, x.pid) for all',
    ],
    ['max > 3', '⟨max⟩ > 3', 'write inputs.max'],
    ['measure.value > 3', '⟨measure⟩.value > 3', 'write steps.measure'],
    ['input.max > 3', '⟨input⟩.max > 3', 'did you mean inputs?'],
    [
      'inputs.way == up',
      'inputs.way == ⟨up⟩',
      'there are inputs, steps, out, now; a text stands in quotes: "up"',
    ],
    ['inputs.internal == True', 'inputs.internal == ⟨True⟩', 'write true'],
    [
      'inputs.tables.exists(t, tt == "x")',
      'inputs.tables.exists(t, ⟨tt⟩ == "x")',
      'did you mean t?',
    ],
    ['inputs.name.lowr() == "x"', 'inputs.name.⟨lowr⟩() == "x"', 'did you mean lower?'],
    ['lower(inputs.name) == "x"', '⟨lower(inputs.name)⟩ == "x"', 'write inputs.name.lower()'],
    ['inputs.max.max(3) == 3', '⟨inputs.max.max(3)⟩ == 3', 'write max(inputs.max, 3)'],
    [
      'inputs.name.take(inputs.name) == ""',
      'inputs.name.take(⟨inputs.name⟩) == ""',
      'write int(inputs.name)',
    ],
    ['max() == 1', '⟨max()⟩ == 1', undefined],
    ['"a" in inputs.name', '⟨"a" in inputs.name⟩', 'write inputs.name.contains("a")'],
    ['out.?x == 1', '⟨out.?x⟩ == 1', 'end it with .orValue(…), a value for when it is'],
    [
      'inputs.max.orValue(1) == 1',
      '⟨inputs.max.orValue(1)⟩ == 1',
      'write .? before the name that may be absent',
    ],
    ['inputs.internal < true', '⟨inputs.internal⟩ < true', undefined],
    ['inputs.starts_at * 2 > now', '⟨inputs.starts_at * 2⟩ > now', undefined],
    ['out.x - inputs.name == 1', '⟨out.x - inputs.name⟩ == 1', undefined],
  ])('%s', (source, place, instead) => {
    const [problem, ...more] = problemsOf(source);
    expect(more).toEqual([]);
    const [start, end] = problem?.at ?? [0, 0];
    expect(`${source.slice(0, start)}⟨${source.slice(start, end)}⟩${source.slice(end)}`).toBe(
      place,
    );
    expect(problem?.instead).toBe(instead);
  });

  test('a text is made of what is added to one', () => {
    expect(problemsOf('"n=" + inputs.max', 'text')[0]?.instead).toBe(
      'write "n=" + string(inputs.max)',
    );
    expect(problemsOf('inputs.service + "x"', 'text')[0]?.instead).toBe(
      'write inputs.service.name + "x"',
    );
    expect(problemsOf('inputs.name + 1', 'text')[0]?.instead).toBe('write inputs.name + "1"');
  });

  test('several mistakes are told together, each once', () => {
    expect(
      problemsOf('inputs.a > 1 && inputs.b || !steps.c.ok').map(({ message }) => message),
    ).toEqual([
      'there is no input "a"',
      'there is no input "b"',
      'there is no step "c" before this one',
    ]);
  });
});

describe('types', () => {
  test.each<[string, Type]>([
    ['inputs.max + 1', 'integer'],
    ['inputs.max / 2', 'integer'],
    ['inputs.max / 2.0', 'number'],
    ['inputs.max * inputs.rate', 'number'],
    ['inputs.max * out.n', 'dyn'],
    ['inputs.rate * out.n', 'number'],
    ['out.n + out.m', 'dyn'],
    ['inputs.starts_at - now', 'duration'],
    ['inputs.starts_at + inputs.window', 'timestamp'],
    ['inputs.tables.map(t, size(t))', { list: 'integer' }],
    ['inputs.tables.filter(t, t != "")', { list: 'text' }],
    ['inputs.tables.map(t, [t, t]).flatten()', { list: 'text' }],
    ['steps.measure.rows.map(r, r.pid).sum()', 'integer'],
    ['steps.measure.rows[0].pid', 'integer'],
    ['inputs.tables.last()', 'text'],
    ['inputs.tables.sort().reverse().take(2)', { list: 'text' }],
    ['chunks(inputs.tables, 2)', { list: { list: 'text' } }],
    ['range(3)', { list: 'integer' }],
    ['max(inputs.max, inputs.rate)', 'number'],
    ['max(1, 2)', 'integer'],
    ['max(out.n, 2)', 'dyn'],
    ['size(out)', 'integer'],
    ['out.a.b[0].c', 'dyn'],
    ['out.a.?b.orValue("")', 'dyn'],
    ['inputs.?limit.orValue(3)', 'integer'],
    ['inputs.way', { choice: ['up', 'down'] }],
    ['inputs.internal ? 1 : 2.5', 'number'],
    ['inputs.internal ? "a" : inputs.way', 'text'],
    ['inputs.internal ? null : inputs.max', 'integer'],
    ['[1, "a"]', { list: 'dyn' }],
    ['{"a": 1}', { fields: { a: 'integer' } }],
    ['{inputs.name: 1}', { map: 'dyn' }],
    ['{"a": {"b": "x"}}.a.b', 'text'],
    ['fraction(inputs.window, 0.5)', 'duration'],
    ['daysUntil(out.x)', 'integer'],
  ])('%s', (source, type) => {
    expect(compile(source, names)).toMatchObject({ type });
  });

  test.each<[string, Type, string | undefined]>([
    ['inputs.max', 'number', undefined],
    ['inputs.rate', 'integer', 'an integer is needed here, not a number'],
    ['inputs.way', 'text', undefined],
    ['out.x', 'duration', undefined],
    ['inputs.name', { choice: ['a'] }, undefined],
    ['inputs.tables', { list: 'dyn' }, undefined],
    [
      'inputs.tables',
      { list: 'integer' },
      'a list of integers is needed here, not a list of texts',
    ],
    ['inputs.service', service, undefined],
    [
      'inputs.service',
      { ...service, target: ['host'] },
      'a target of kind host is needed here, not a target of kind service',
    ],
    ['inputs.service', { ...service, target: ['host', 'service'] }, undefined],
    ['inputs.service', { map: 'dyn' }, 'an object is needed here, not a target of kind service'],
  ])('%s where %j is wanted', (source, wanted, message) => {
    expect(problemsOf(source, wanted)[0]?.message).toBe(message);
  });

  test.each<[string, Type, string]>([
    ['inputs.service', 'text', 'write inputs.service.name'],
    ['inputs.max', 'text', 'write string(inputs.max)'],
    ['inputs.rate', 'integer', 'write int(inputs.rate)'],
    ['inputs.name', 'number', 'write double(inputs.name)'],
  ])('how to make of %s a value of type %s', (source, wanted, instead) => {
    expect(problemsOf(source, wanted)[0]?.instead).toBe(instead);
  });

  test('targets that name one another are types too', () => {
    const fields: Record<string, Type> = { name: 'text' };
    const host: Type = { target: ['host'], called: 'fact', fields };
    fields['neighbour'] = host;
    const around = { a: host, b: host };
    expect(compile('a.neighbour.neighbour.name == b.name', around)).toMatchObject({
      type: 'boolean',
    });
    expect(compile('true ? a : b.neighbour', around)).toMatchObject({ type: { target: ['host'] } });
  });
});
