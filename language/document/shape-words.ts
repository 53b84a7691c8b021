import type { z } from 'zod';
import { nearest } from '../nearest.js';
import { field } from '../objects.js';
import { ruled } from './schema/ruled.js';

/* What people are told of a value that is not of the shape, and what they may have meant. */

/** Fields by the words of other tools and of older forms. */
export const otherFields: Readonly<Record<string, string>> = {
  name: 'id',
  run: 'script',
  // eslint-disable-next-line no-restricted-syntax -- a word of other tools
  shell: 'script',
  cmd: 'command',
  argv: 'command',
  exec: 'command',
  if: 'when',
  condition: 'when',
  retries: 'retry',
  attempts: 'retry',
  summary: 'description',
  owners: 'owner',
  inputs: 'with',
  items: 'forEach',
  loop: 'forEach',
  depends_on: 'when',
  needs: 'when',
  rescue: 'onFailure',
  catch: 'onFailure',
  finally: 'temporary',
  instructions: 'manual',
  approvers: 'approval',
  continueOnError: 'onFailure',
  ignore_errors: 'onFailure',
  on_error: 'onFailure',
  max: 'attempts',
  delay: 'initialInterval',
  each: 'forEach',
  with_items: 'forEach',
};

/** What stands in a field whose value was of another type. */
export const examples: Readonly<Record<string, string>> = {
  steps: 'write - id: … with what the step does, for each step',
  parallel: 'write - id: … with what the step does, for each step',
  branch: 'write - case: … with when: and steps:, for each case',
  undo: 'write undo: { command: … }, or undo: { none: why there is nothing to undo }',
  verify: 'write verify: { command: …, until: … }',
  approval: 'write approval: { by: sre }',
  retry: 'write retry: 3, or retry: { attempts: 3, initialInterval: 10s }',
  inputs: 'write NAME: { type: text, description: … } for each input',
  answers: 'write NAME: { type: text, description: … } for each answer',
  env: 'write env: { NAME: value }',
  with: 'write with: { input: value }',
  outputs: 'write outputs: { name: expression }',
  files: 'write files: [one, another]',
  args: 'write args: [one, another]',
  values: 'write values: [one, another]',
};

/** What is wrong with a value, in plain words; undefined: as the schema says it. */
export function inWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'boolean'
        ? bool(issue.input)
        : `must be ${withArticle(issue.expected)}`;
    case 'invalid_key':
      // What is wrong with the name, in the words of its own rule.
      return issue.issues[0]?.message ?? 'is no name';
    case 'invalid_format':
      return 'does not have the form that it must have';
    case 'invalid_value':
      return choice(issue.values.map(String), issue.input);
    case 'invalid_union':
      return 'has none of the forms that it may have';
    case 'too_small':
      return issue.minimum === 1 && issue.origin !== 'number'
        ? 'must not be empty'
        : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    default:
      return undefined;
  }
}

function bool(input: unknown): string {
  const meant = /^(yes|on|true)$/i.test(String(input))
    ? 'true'
    : /^(no|off|false)$/i.test(String(input))
      ? 'false'
      : undefined;
  const message = 'must be true or false';
  return meant === undefined ? message : ruled('shape', message, `write ${meant}`);
}

/** Values by the words of other tools. */
const otherValues: Readonly<Record<string, string>> = {
  ...{ string: 'text', str: 'text', int: 'integer', float: 'number', double: 'number' },
  ...{ bool: 'boolean', enum: 'choice', array: 'list', map: 'object', dict: 'object' },
  ...{ date: 'time', datetime: 'time', timestamp: 'time', password: 'secret' },
  ...{ ignore: 'continue', skip: 'continue', stop: 'abort', fail: 'abort', undo_all: 'rollback' },
  ...{ readonly: 'read', write: 'change', update: 'change', delete: 'destroy' },
};

function choice(values: readonly string[], input: unknown): string {
  const other = field(otherValues, String(input).toLowerCase());
  const meant =
    other !== undefined && values.includes(other) ? other : nearest(String(input), values);
  const listed = values.length > 1 ? `one of ${values.join(', ')}` : (values[0] ?? '');
  return meant === undefined
    ? `must be ${listed}`
    : ruled('shape', `must be ${listed}`, `did you mean ${meant}?`);
}

function withArticle(expected: string): string {
  const names: Record<string, string> = {
    ...{
      string: 'text',
      record: 'a map',
      object: 'a map',
      array: 'a list',
      boolean: 'true or false',
    },
    ...{ int: 'a whole number', number: 'a number' },
  };
  return names[expected] ?? expected;
}
