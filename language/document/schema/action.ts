import { z } from 'zod';
import { mostRows } from '../../kinds/sql.js';
import { effects } from '../../runbook.js';
import { outputs } from './outputs.js';
import {
  duration,
  expression,
  givenDuration,
  name,
  oneOrMore,
  template,
  text,
  texts,
  value,
  values,
} from './values.js';

/*
 * An action and its fields: what a step does, what undoes it and what verifies it have the same.
 */

const words = z.union([text, z.array(value).min(1)]);

const expectation = z.strictObject({
  exit: z.array(z.int().min(0).max(255)).min(1).optional().meta({ description: 'Exit codes' }),
  status: z
    .array(z.int().min(100).max(599))
    .min(1)
    .optional()
    .meta({ description: 'HTTP statuses' }),
  match: text.optional().meta({ description: 'Regular expression (RE2) for the output' }),
  condition: z.union([expression, z.array(expression).min(1)]).optional(),
  message: template.optional().meta({ description: 'What it means when it is not so' }),
  hint: text.optional().meta({ description: 'What to do then' }),
});

const statement = z.strictObject({
  text: text.meta({ description: 'One statement; $1 is the first of its values' }),
  values: z.array(value).optional(),
  as: z.string().min(1).max(63).optional().meta({ description: 'Name of its rows' }),
});

/** One of these says what is done. */
export const actionKeys = {
  command: words.optional().meta({ description: 'A program and its arguments; never a shell' }),
  script: text.optional().meta({ description: 'Shell text; values come by args and env only' }),
  sql: z
    .union([text, z.array(statement).min(1)])
    .optional()
    .meta({
      description:
        'A statement, or several in one transaction; of ' +
        `each, at most ${mostRows} rows are handed on`,
    }),
  http: text.optional().meta({ description: 'METHOD /path/{x} on the target' }),
  notify: template.optional().meta({ description: 'A message for people' }),
  use: name.optional().meta({ description: 'A named action, from <id>.action.yaml' }),
  traffic: z
    .enum(['observe', 'set', 'drain'])
    .optional()
    .meta({ description: 'Reads or sets the weights of the proxy in front of the target' }),
  analysis: oneOrMore
    .optional()
    .meta({ description: 'Measures the server with the new release, or several as one' }),
  rollout: z
    .enum(['observe', 'compare', 'image', 'scale', 'undo', 'follow', 'watch'])
    .optional()
    .meta({ description: "Does something to the target's Deployment" }),
};

/** The fields of each action. */
export const actionFields = {
  command: {
    stdin: template,
    cwd: template,
    files: texts,
    parse: z.enum(['json', 'jsonl', 'lines', 'table', 'pairs']),
  },
  // eslint-disable-next-line no-restricted-syntax -- the field of a script
  script: { shell: z.enum(['sh', 'bash']), args: z.union([template, z.array(value)]) },
  sql: {
    values: z.array(value),
    identifiers: z.record(z.string(), template),
    literals: z.record(z.string(), template),
    transaction: z.enum(['none']),
    isolation: z.enum(['read committed', 'repeatable read', 'serializable']),
    statementTimeout: givenDuration,
    lockTimeout: givenDuration,
  },
  http: {
    address: name,
    params: z.record(z.string(), template),
    query: z.record(z.string(), template),
    headers: z.record(z.string(), template),
    body: value,
    idempotencyKey: z.union([z.boolean(), template]),
  },
  notify: { to: oneOrMore, fields: values },
  use: { with: z.union([template, values]) },
  traffic: { servers: z.array(value), limit: duration },
  analysis: {
    baseline: oneOrMore,
    versions: values,
    window: duration,
    patience: duration,
    limits: values,
    before: value,
    expected: value,
  },
  rollout: {
    deployment: template,
    state: value,
    image: template,
    replicas: template,
    since: template,
  },
} as const;

/** What each field is. */
const descriptions: Readonly<Record<string, string>> = {
  stdin: 'What the program reads',
  cwd: 'The folder in which the program runs',
  files: 'Files beside the runbook, kept by content: the step runs in a folder that holds them',
  parse: 'How the output is read: it adds json, lines, table or pairs',
  // eslint-disable-next-line no-restricted-syntax -- the field of a script
  shell: 'sh, or bash',
  args: 'What the script reads as "$1" and so on',
  values: 'What the statement reads as $1 and so on',
  identifiers: 'What {x} in the statement is: a quoted name',
  literals: 'What {x} in the statement is: a quoted value, where no $1 may stand',
  transaction:
    'none: for statements that no transaction may hold; nothing is rolled back then, also ' +
    'where `expect` or `outputs` fail',
  isolation: 'Isolation of the transaction',
  statementTimeout: 'Limit of one statement',
  lockTimeout: 'Limit of the wait for a lock',
  address: "Which of the target's addresses",
  params: 'What {x} in the path is; it is encoded',
  query: 'What stands behind the ? of the address',
  headers: 'Headers of the request',
  body: 'The JSON of the request',
  idempotencyKey: 'true: each attempt sends the same key',
  to: 'Channels or targets that are told',
  fields: 'What is shown beside the message',
  with: 'The inputs of what is used',
  servers: 'Servers of the proxy',
  limit: 'How long requests in flight may take',
  baseline: 'The server to compare with, or several',
  versions: 'The versions that they run',
  window: 'How long to measure',
  patience: 'How much longer to wait for enough requests',
  limits: 'Beyond these a release is worse than the one before',
  before: 'An earlier measurement of the baseline',
  expected: 'The weights that were set at the proxy',
  deployment: 'Name of the Deployment, where the target does not say it',
  state: 'The state in which the run left or found it',
  image: 'The image by its digest',
  replicas: 'How many pods',
  since: 'The moment from which the limit counts',
};

type Described<T extends Record<string, z.ZodType>> = { [K in keyof T]: z.ZodOptional<T[K]> };

/** The fields, each optional and described. */
function described<T extends Record<string, z.ZodType>>(fields: T): Described<T> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, shape]) => [
      key,
      shape.optional().meta({ description: descriptions[key] ?? '' }),
    ]),
  ) as Described<T>;
}

/** Fields that every action may have, beside its own. */
export const commonFields = {
  kind: z
    .string()
    .optional()
    .meta({ description: 'What kind of step this is; derived (long form)' }),
  target: z
    .union([text, z.strictObject({ $: text })])
    .optional()
    .meta({ description: 'The input that names the target; ${…} for any other expression' }),
  runsOn: z
    .union([text, z.strictObject({ $: text })])
    .optional()
    .meta({ description: 'The input whose host runs it' }),
  credentials: z
    .union([template, z.record(z.string(), template)])
    .optional()
    .meta({ description: "Which of the target's credentials; several by target" }),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), value)
    .optional()
    .meta({ description: 'Variables of the program' }),
  effect: z
    .enum(effects)
    .optional()
    .meta({ description: 'What it does to the world: read, change or destroy' }),
  expect: z
    .union([expression, expectation, z.array(expectation)])
    .optional()
    .meta({ description: 'What must be so, or the step fails' }),
  outputs: outputs
    .optional()
    .meta({ description: 'What later steps may read; nothing else of the answer is kept' }),
  idempotent: z.boolean().optional().meta({ description: 'Doing it twice is as doing it once' }),
  retry: z
    .union([
      z.int().min(1).max(1_000),
      z.strictObject({
        attempts: z.int().min(1).max(1_000),
        initialInterval: duration.optional(),
        backoff: z.number().min(1).max(10).optional(),
        maxInterval: duration.optional(),
      }),
    ])
    .optional()
    .meta({ description: 'Attempts in all' }),
  timeout: givenDuration
    .optional()
    .meta({ description: 'Limit of one attempt; of the whole poll where there is an until' }),
  ...described(actionFields.command),
  ...described(actionFields.script),
  ...described(actionFields.sql),
  ...described(actionFields.http),
  ...described(actionFields.notify),
  ...described(actionFields.use),
  ...described(actionFields.traffic),
  ...described(actionFields.analysis),
  ...described(actionFields.rollout),
};

/** A read action with `until` is asked again and again. */
export const pollFields = {
  until: expression.optional().meta({ description: 'Polled until this is true' }),
  failWhen: expression.optional().meta({ description: 'It can no longer become true' }),
  inconclusiveWhen: expression.optional().meta({ description: 'The operator is asked' }),
  every: duration.optional().meta({ description: 'Time between two polls (default 5s)' }),
  for: duration.optional().meta({ description: 'How long it has to stay true' }),
  consecutive: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'In how many polls in a row it has to be true' }),
};
