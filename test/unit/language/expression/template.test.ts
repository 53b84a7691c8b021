import { describe, expect, test } from '@jest/globals';
import { compileTemplate } from '../../../../language/expression/template.js';
import type { Names } from '../../../../language/expression/types.js';
import type { Json, JsonObject } from '../../../../language/json.js';
import { resolve, Unresolved } from '../../../../language/reference.js';

const names: Names = {
  inputs: {
    called: 'input',
    fields: {
      n: 'integer',
      rate: 'number',
      name: 'text',
      on: 'boolean',
      window: 'duration',
      at: 'timestamp',
      tables: { list: 'text' },
      host: { fields: { name: 'text' }, target: ['host'], called: 'fact' },
    },
  },
  out: 'dyn',
};
const scope: JsonObject = {
  inputs: {
    n: '9007199254740993',
    rate: 2,
    name: 'a ${inputs.n} $${b}',
    on: true,
    window: '90s',
    at: '2026-01-31T12:00:00Z',
    tables: ['a', 'b'],
    host: { name: 'db' },
  },
  out: { list: [1], none: null },
};

function rendered(text: string): unknown {
  const compiled = compileTemplate(text, names);
  if ('problems' in compiled) return compiled.problems;
  try {
    // What a plan keeps is JSON.
    return resolve(JSON.parse(JSON.stringify(compiled.template)) as Json, scope);
  } catch (error) {
    if (error instanceof Unresolved) return error.message;
    throw error;
  }
}

describe('values in text', () => {
  test.each([
    ['', ''],
    ['plain', 'plain'],
    ['${inputs.rate}', 2],
    ['${ inputs.tables }', ['a', 'b']],
    ['x-${inputs.rate}', 'x-2'],
    ['${inputs.on}/${inputs.rate}', 'true/2'],
    ['n=${inputs.n}', 'n=9007199254740993'],
    ['${inputs.n}', '9007199254740993'],
    ['${inputs.window} from ${inputs.at}', '1m30s from 2026-01-31T12:00:00Z'],
    ['$${inputs.rate}', '${inputs.rate}'],
    ['$$${inputs.rate}', '$${inputs.rate}'],
    ['$$${inputs.rate} ${inputs.rate}', '$${inputs.rate} 2'],
    ['5 $ and {x}', '5 $ and {x}'],
    ['${"}"}${\'{\'}', '}{'],
    ['${{"a": "}"}["a"]}!', '}!'],
    ['${"""}"""}-', '}-'],
    ['${"\\"}"}-', '"}-'],
    ["${inputs.on ? 'yes' : 'no'}", 'yes'],
  ])('%s', (text, value) => {
    expect(rendered(text)).toEqual(value);
  });

  test('what a value contains is not read again', () => {
    expect(rendered('${inputs.name}')).toBe('a ${inputs.n} $${b}');
    expect(rendered('<${inputs.name}>')).toBe('<a ${inputs.n} $${b}>');
  });

  test('what is no scalar does not become text', () => {
    expect(rendered('x ${out.list}')).toBe('out.list: a list is no text');
    expect(rendered('x ${out.none}')).toBe('out.none: null is no text');
    expect(rendered('x ${out.more}')).toBe('there is no out.more');
  });

  test('a plan keeps text and expressions apart', () => {
    expect(compileTemplate('deployment/${inputs.name}$${x}', names)).toMatchObject({
      template: { join: ['deployment/', { $: 'inputs.name', ast: { is: 'field' } }, '${x}'] },
    });
    expect(compileTemplate('${inputs.rate}', names)).toMatchObject({
      template: { $: 'inputs.rate' },
      type: 'number',
    });
  });

  test.each([
    [
      'x-${inputs.nam}',
      { at: [11, 14], message: 'there is no input "nam"', instead: 'did you mean inputs.name?' },
    ],
    ['a ${ 1 + } b', { at: [8, 8], message: 'the expression ends too early' }],
    ['a ${inputs.name', { at: [2, 15], message: '${ has no }' }],
    ['a ${}', { at: [4, 4], message: 'the expression is empty' }],
    [
      'tables ${inputs.tables}',
      {
        at: [9, 22],
        message: 'inputs.tables is a list of texts, which is no text',
        instead: 'write inputs.tables.join(", ")',
      },
    ],
    [
      'on ${inputs.host}',
      {
        at: [5, 16],
        message: 'inputs.host is a target, which is no text',
        instead: 'write inputs.host.name',
      },
    ],
  ])('%s', (text, problem) => {
    expect(rendered(text)).toEqual([expect.objectContaining(problem)]);
  });

  test('the whole value may have to be of a type', () => {
    expect(compileTemplate('${inputs.name}', names, 'duration')).toMatchObject({
      problems: [{ message: 'a duration is needed here, not a text' }],
    });
    expect(compileTemplate('${inputs.window}', names, 'duration')).toMatchObject({
      type: 'duration',
    });
  });
});
