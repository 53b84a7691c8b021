import { z } from 'zod';
import { openProgramText, openVariable } from './arguments.js';
import { isReference, referencesIn } from './reference.js';
import type { Json } from './json.js';
import { parseStrictly } from './strict-file.js';
import { isActionKind, isGroup, stepKinds } from './kinds/index.js';
import { effects, priorities, runbookTypes, type RunbookSpec, type StepSpec } from './runbook.js';

/*
 * The shape of a runbook that is data. Strict everywhere: a word that is not known is a mistake,
 * never ignored. What could carry an injection takes no reference: a program, a statement's text, a
 * path, a method.
 */

const id = z
  .string()
  .regex(
    /^[a-z][a-z0-9_-]{0,62}$/,
    'must be lower-case letters, digits, - or _, and begin with a letter',
  );
const text = z.string().min(1).max(4_000);
const reference = z.strictObject({
  $: z
    .string()
    .regex(/^(inputs|steps|item|run)(\.[A-Za-z0-9_-]+)*$/, 'is no reference such as inputs.x'),
});
const orReference = <T extends z.ZodType>(shape: T) => z.union([shape, reference]);
const json: z.ZodType<Json> = z.json();
const milliseconds = z
  .int()
  .min(1)
  .max(7 * 24 * 3_600_000);

const condition: z.ZodType = z.lazy(() =>
  z.strictObject({
    path: z.string().min(1).max(200).optional(),
    is: json.optional(),
    isNot: json.optional(),
    in: z.array(json).min(1).optional(),
    atLeast: z.number().optional(),
    atMost: z.number().optional(),
    all: z.array(condition).min(1).optional(),
    any: z.array(condition).min(1).optional(),
  }),
);

const command = z
  .strictObject({
    kind: z.literal('command'),
    // The program itself is never chosen by a value.
    argv: z.tuple([text], orReference(z.string())),
    env: z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
        orReference(z.union([z.string(), z.strictObject({ secret: id })])),
      )
      .optional(),
    target: orReference(id).optional(),
    cwd: text.optional(),
    exitCodes: z.array(z.int().min(0).max(255)).min(1).optional(),
    idempotent: z.boolean().optional(),
    programMayChange: z.boolean().optional(),
  })
  .superRefine(({ argv, env = {} }, context) => {
    const wrong = (found: string | undefined, path: string): void => {
      if (found === undefined) return;
      const message = `${found}: give it as data, such as a parameter of a script that stands here`;
      context.addIssue({ code: 'custom', message, path: [path] });
    };
    wrong(openProgramText(argv), 'argv');
    wrong(openVariable(env), 'env');
    if (argv.some((part) => typeof part === 'string' && part.includes('\0')))
      context.addIssue({ code: 'custom', message: 'an argument holds a NUL', path: ['argv'] });
  });

const sql = z.strictObject({
  kind: z.literal('sql'),
  target: orReference(id),
  statements: z
    .array(
      z.strictObject({
        text,
        values: z.array(json).optional(),
        as: z.string().min(1).max(63).optional(),
      }),
    )
    .min(1),
  statementTimeoutMs: milliseconds.optional(),
  lockTimeoutMs: milliseconds.optional(),
  isolation: z.enum(['read committed', 'repeatable read', 'serializable']).optional(),
});

const scalars = z.record(z.string(), orReference(z.union([z.string(), z.number()])));
const http = z.strictObject({
  kind: z.literal('http'),
  target: orReference(id),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
  path: z.string().startsWith('/').max(2_000),
  params: scalars.optional(),
  query: scalars.optional(),
  headers: z.record(z.string(), z.string()).optional(),
  json: json.optional(),
  idempotencyKey: z.boolean().optional(),
  idempotent: z.boolean().optional(),
  statuses: z.array(z.int().min(100).max(599)).min(1).optional(),
  pick: z.record(z.string(), z.string()).optional(),
});

const check = z.strictObject({
  kind: z.literal('check'),
  probe: z.discriminatedUnion('kind', [command, sql, http]),
  until: condition,
  failWhen: condition.optional(),
  everyMs: milliseconds,
  progress: z.array(z.string()).optional(),
});

const notify = z.strictObject({
  kind: z.literal('notify'),
  target: orReference(id).optional(),
  text,
  fields: z.record(z.string(), json).optional(),
});

const servers = z.array(
  z.strictObject({ name: text, address: z.string().nullable(), weight: z.int().min(0).max(256) }),
);

const traffic = z.strictObject({
  kind: z.literal('traffic'),
  target: orReference(id),
  operation: z.enum(['observe', 'set', 'drain']),
  servers: servers.optional(),
  limitMs: milliseconds.optional(),
});

const numbers = z.strictObject({
  requests: z.number(),
  errors: z.number(),
  p95Ms: z.number().nullable(),
  memoryBytes: z.number().nullable(),
});

const analysis = z.strictObject({
  kind: z.literal('analysis'),
  target: orReference(id),
  candidate: z.union([orReference(text), z.array(text).min(1)]),
  baseline: z.union([orReference(text), z.array(text).min(1)]).optional(),
  versions: z.strictObject({ candidate: text, baseline: text.optional() }).optional(),
  windowMs: milliseconds,
  patienceMs: milliseconds.optional(),
  limits: z.strictObject({
    minRequests: z.int().min(1),
    errorRate: z.number().min(0).max(1),
    latency: z.number().min(1),
  }),
  before: numbers.nullable().optional(),
  expected: z.strictObject({ servers, started: z.string().nullable() }).optional(),
});

const rollout = z.strictObject({
  kind: z.literal('rollout'),
  target: orReference(id),
  operation: z.enum(['observe', 'compare', 'image', 'scale', 'undo', 'follow', 'watch']),
  deployment: orReference(text).optional(),
  state: json.optional(),
  image: orReference(text).optional(),
  replicas: orReference(z.int().min(0)).optional(),
  limitMs: milliseconds.optional(),
  since: orReference(text).optional(),
});

const action = z.discriminatedUnion('kind', [
  command,
  sql,
  http,
  check,
  notify,
  traffic,
  analysis,
  rollout,
]);

const work = z.strictObject({
  action,
  expect: z.array(z.strictObject({ condition, otherwise: text, next: text.optional() })).optional(),
  verify: check.optional(),
  check: check.optional(),
  undo: action.optional(),
});

const step: z.ZodType<StepSpec> = z.lazy(() =>
  z
    .strictObject({
      id,
      title: text,
      kind: z.enum(stepKinds.filter((kind) => kind !== 'decide')),
      effect: z.enum(effects),
      description: text.optional(),
      timeoutMs: milliseconds.optional(),
      retry: z
        .strictObject({
          attempts: z.int().min(1).max(1_000),
          initialMs: milliseconds.optional(),
          factor: z.number().min(1).max(10).optional(),
          maxMs: milliseconds.optional(),
        })
        .optional(),
      onFailure: z.enum(['ask', 'abort', 'rollback', 'continue']).optional(),
      answers: z.array(z.string().min(1)).optional(),
      undo: text.optional(),
      pointOfNoReturn: z.boolean().optional(),
      instructions: text.optional(),
      work: work.optional(),
      when: condition.optional(),
      items: json.optional(),
      concurrency: z.int().min(1).max(100).optional(),
      runbook: id.optional(),
      inputs: z.record(z.string(), json).optional(),
      evidence: z.record(z.string(), json).optional(),
      steps: z.array(step).min(1).optional(),
      approvers: z.enum(['another', 'anyone']).optional(),
      deadlineMs: milliseconds.optional(),
    })
    .superRefine(wholeStep),
) as z.ZodType<StepSpec>;

/** Groups whose steps stand in the file itself; those of a nested runbook stand in its own. */
const groups: readonly string[] = stepKinds.filter((kind) => isGroup(kind) && kind !== 'runbook');

/** What one field says about the others. */
function wholeStep(given: unknown, context: z.RefinementCtx): void {
  const spec = given as StepSpec;
  const wrong = (message: string, path: string): void =>
    context.addIssue({ code: 'custom', message, path: [path] });
  if (isActionKind(spec.kind)) {
    if (!spec.work) wrong(`a ${spec.kind} step says what it does here`, 'work');
    else if (spec.work.action['kind'] !== spec.kind)
      wrong(`must be a ${spec.kind}, as the step's kind says`, 'work');
    if (spec.work && (spec.work.undo === undefined) !== (spec.undo === undefined))
      wrong('an undo needs both: what it does (work.undo), and in words (undo)', 'undo');
  } else if (spec.work) wrong(`a ${spec.kind} step does no work of its own`, 'work');
  if (groups.includes(spec.kind) !== (spec.steps !== undefined))
    wrong(`only ${groups.join(' and ')} steps hold steps, and they must`, 'steps');
  if ((spec.kind === 'forEach') !== (spec.items !== undefined))
    wrong('goes with forEach, and forEach needs it', 'items');
  if ((spec.kind === 'runbook') !== (spec.runbook !== undefined))
    wrong('goes with kind runbook, which needs it', 'runbook');
  if (
    spec.kind === 'forEach' &&
    Array.isArray(spec.items) &&
    spec.items.some((item) => isReference(item))
  )
    wrong('is either a list or one reference', 'items');
  if (spec.onFailure === 'continue' && spec.answers)
    wrong('cannot continue without what later steps need (answers)', 'onFailure');
  const inner = spec.steps ?? [];
  if (spec.kind === 'forEach' && inner.some((each) => each.kind === 'approval'))
    wrong('a gate cannot stand in a forEach', 'steps');
  for (const twice of duplicates(inner.map((each) => each.id)))
    wrong(`two steps are called ${twice}`, 'steps');
}

const common = { description: text, optional: z.boolean().optional() };
const input = z.discriminatedUnion('type', [
  z.strictObject({ ...common, type: z.literal('target'), kind: id, default: id.optional() }),
  z.strictObject({
    ...common,
    type: z.literal('text'),
    default: z.string().optional(),
    pattern: z.string().refine(isPattern, 'is no regular expression').optional(),
    maxLength: z.int().min(1).optional(),
  }),
  z.strictObject({
    ...common,
    type: z.enum(['integer', 'number']),
    default: z.number().optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
  }),
  z.strictObject({ ...common, type: z.literal('boolean'), default: z.boolean().optional() }),
  z.strictObject({ ...common, type: z.literal('duration'), default: z.string().optional() }),
  z.strictObject({
    ...common,
    type: z.literal('instant'),
    default: z.string().optional(),
    or: z.array(z.string().regex(/^[a-z]+$/)).optional(),
  }),
  z.strictObject({
    ...common,
    type: z.literal('choice'),
    options: z.array(z.string()).min(1),
    default: z.string().optional(),
  }),
]);

const runbook = z
  .strictObject({
    id,
    version: z.string().regex(/^\d+\.\d+\.\d+$/, 'must be a version such as 1.0.0'),
    title: text,
    summary: text,
    type: z.enum(runbookTypes),
    priority: z.enum(priorities),
    tags: z.array(id),
    owners: z.array(text).min(1),
    expectedMinutes: z.number().positive(),
    inputs: z.record(id, input),
    prerequisites: z.array(text),
    steps: z.array(step).min(1),
    verification: text,
    rollback: text,
    outputs: z.record(z.string(), json).optional(),
  })
  .superRefine((spec, context) => {
    for (const twice of duplicates(spec.steps.map((each) => each.id)))
      context.addIssue({
        code: 'custom',
        message: `two steps are called ${twice}`,
        path: ['steps'],
      });
    for (const name of unknownReferences(spec as unknown as RunbookSpec))
      context.addIssue({ code: 'custom', message: `nothing is called ${name}`, path: ['steps'] });
  });

/**
 * Reads a runbook that is data from the text of its file.
 * @throws FileError with every mistake as file:line:col
 */
export function parseRunbook(text: string, path: string): RunbookSpec {
  return { ...(parseStrictly(text, path, runbook) as RunbookSpec), data: true };
}

/**
 * References to inputs and top-level steps that there are not; steps inside groups are seen by
 * those beside them.
 */
function unknownReferences(spec: RunbookSpec): string[] {
  const inputs = new Set(Object.keys(spec.inputs));
  const unknown = new Set<string>();
  visit(spec.steps, new Set());
  return [...unknown];

  function visit(steps: readonly StepSpec[], before: ReadonlySet<string>): void {
    const seen = new Set(before);
    for (const each of steps) {
      const { steps: inner, ...own } = each;
      for (const name of referencesIn(own as unknown as Json)) {
        const [root, key] = name.split('.');
        if (root === 'inputs' && key !== undefined && !inputs.has(key)) unknown.add(name);
        if (root === 'steps' && key !== undefined && !seen.has(key))
          unknown.add(`${name} before step ${each.id}`);
      }
      if (inner && each.kind === 'parallel') for (const branch of inner) visit([branch], seen);
      else if (inner) visit(inner, seen);
      seen.add(each.id);
    }
  }
}

function duplicates(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

function isPattern(source: string): boolean {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}
