import { z } from 'zod';
import { unknownNames } from './unknown-names.js';
import { isReference } from './reference.js';
import { action } from './schema/index.js';
import { check } from './schema/check.js';
import { assertNone, type Differing } from './schema/same-fields.js';
import { condition, id, json, milliseconds, text, when } from './schema/values.js';
import { parseStrictly } from './strict-file.js';
import { withTrees } from './with-trees.js';
import { isActionKind, isGroup, stepKinds } from './kinds/index.js';
import { effects, priorities, runbookTypes, type RunbookSpec, type StepSpec } from './runbook.js';
import { patternFault } from './whole-text.js';

/*
 * The schema of a runbook that is data. Strict everywhere: an unknown key is an error.
 */

const work = z.strictObject({
  action,
  expect: z.array(z.strictObject({ condition, otherwise: text, next: text.optional() })).optional(),
  outputs: z.record(id, condition).optional(),
  timeout: json.optional(),
  verify: check.optional(),
  check: check.optional(),
  undo: action.optional(),
  undoByHand: json.optional(),
});

const step: z.ZodType<StepSpec> = z.lazy(() =>
  z.strictObject(stepFields).superRefine(wholeStep),
) as unknown as z.ZodType<StepSpec>;

const stepFields = {
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
  onFailure: z.enum(['ask', 'abort', 'rollback', 'continue', 'capture']).optional(),
  answers: z.array(z.string().min(1)).optional(),
  undo: text.optional(),
  noUndo: z.string().optional(),
  pointOfNoReturn: z.boolean().optional(),
  temporary: z.literal(true).optional(),
  instructions: json.optional(),
  asked: z
    .record(
      id,
      z.lazy(() => input),
    )
    .optional(),
  work: work.optional(),
  when: when.optional(),
  items: json.optional(),
  as: id.optional(),
  key: when.optional(),
  maxFailures: z.union([z.int().min(0), z.string().regex(/^\d{1,3}%$/)]).optional(),
  stopWhen: when.optional(),
  concurrency: z.int().min(1).max(100).optional(),
  runbook: id.optional(),
  inputs: z.record(z.string(), json).optional(),
  values: z.record(id, json).optional(),
  cases: z
    .array(z.strictObject({ case: id, title: text, when: when.optional() }))
    .min(1)
    .optional(),
  outputs: z.record(id, z.array(when).min(1)).optional(),
  confirm: z.literal(true).optional(),
  forMs: z
    .int()
    .min(1)
    .max(366 * 24 * 3_600_000)
    .optional(),
  until: json.optional(),
  message: json.optional(),
  hint: text.optional(),
  evidence: z.record(z.string(), json).optional(),
  steps: z.array(step).min(1).optional(),
  approvers: z.enum(['another', 'anyone']).optional(),
  deadlineMs: milliseconds.optional(),
};

/** Only flagships declare `clock`, the category of a recovery's time, and `runBy`. */
assertNone<Differing<StepSpec, typeof stepFields, 'clock' | 'runBy'>>();

/** Groups whose steps are in the file itself; a nested runbook has a file of its own. */
const groups: readonly string[] = stepKinds.filter((kind) => isGroup(kind) && kind !== 'runbook');

function hasOutputs(kind: StepSpec['kind']): boolean {
  return kind === 'group' || kind === 'parallel';
}

/** Checks the rules between the fields of a step. */
function wholeStep(given: unknown, context: z.RefinementCtx): void {
  const spec = given as StepSpec;
  const wrong = (message: string, path: string): void =>
    context.addIssue({ code: 'custom', message, path: [path] });
  if (isActionKind(spec.kind)) {
    if (!spec.work) wrong(`a ${spec.kind} step says what it does here`, 'work');
    else if (spec.work.action['kind'] !== spec.kind)
      wrong(`must be a ${spec.kind}, as the step's kind says`, 'work');
    const undos = [spec.work?.undo, spec.work?.undoByHand].filter((each) => each !== undefined);
    if (undos.length > 1) wrong('is undone by a program or by hand, not both', 'work');
    if (spec.work && (undos.length === 0) !== (spec.undo === undefined))
      wrong('an undo needs both: what it does (work.undo), and in words (undo)', 'undo');
  } else if (spec.work) wrong(`a ${spec.kind} step does no work of its own`, 'work');
  if (groups.includes(spec.kind) !== (spec.steps !== undefined))
    wrong(`only ${groups.join(' and ')} steps hold steps, and they must`, 'steps');
  if ((spec.kind === 'forEach') !== (spec.items !== undefined))
    wrong('goes with forEach, and forEach needs it', 'items');
  for (const name of ['as', 'key', 'maxFailures', 'stopWhen'] as const)
    if (spec[name] !== undefined && spec.kind !== 'forEach') wrong('goes with forEach', name);
  if (spec.stopWhen && spec.concurrency !== 1)
    wrong('looks behind each item: they go one at a time (concurrency 1)', 'stopWhen');
  if ((spec.kind === 'runbook') !== (spec.runbook !== undefined))
    wrong('goes with kind runbook, which needs it', 'runbook');
  if ((spec.kind === 'set') !== (spec.values !== undefined))
    wrong('goes with kind set, which needs it', 'values');
  if ((spec.kind === 'choice') !== (spec.cases !== undefined))
    wrong('goes with kind choice, which needs it', 'cases');
  const isTimed = (spec.forMs === undefined) !== (spec.until === undefined);
  if (spec.kind === 'wait' ? !isTimed : spec.forMs !== undefined || spec.until !== undefined)
    wrong('goes with kind wait, which needs either of forMs and until', 'until');
  if (spec.confirm && !spec.cases) wrong('goes with kind choice', 'confirm');
  if (spec.cases && spec.when) wrong('has the conditions of its cases, and no other', 'when');
  if (spec.onFailure === 'capture' && !isActionKind(spec.kind) && spec.kind !== 'runbook')
    wrong('only the failure of an action or of a nested runbook is an answer', 'onFailure');
  if (spec.outputs && !hasOutputs(spec.kind)) wrong('goes with groups of steps', 'outputs');
  if ((spec.kind === 'fail' || spec.kind === 'succeed') !== (spec.message !== undefined))
    wrong('goes with fail and succeed, which need it', 'message');
  if (
    spec.kind === 'forEach' &&
    Array.isArray(spec.items) &&
    spec.items.some((item) => isReference(item))
  )
    wrong('is either a list or one reference', 'items');
  if (spec.temporary && !spec.work?.undo && !spec.steps && spec.kind !== 'runbook')
    wrong('goes with what has an undo', 'temporary');
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
    pattern: z
      .string()
      .refine((pattern) => patternFault(pattern) === undefined, 'is no regular expression (RE2)')
      .optional(),
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

const runbookFields = {
  id,
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'must be a version such as 1.0.0'),
  title: text,
  summary: text,
  type: z.enum(runbookTypes),
  priority: z.enum(priorities),
  tags: z.array(id),
  owners: z.array(text).min(1),
  notify: z.array(id).min(1).optional(),
  expectedMinutes: z.number().positive(),
  inputs: z.record(id, input),
  prerequisites: z.array(text),
  steps: z.array(step).min(1),
  verification: text,
  rollback: text,
  outputs: z.record(z.string(), json).optional(),
};

/** Only code-first runbooks have objectives, or must be drilled. */
assertNone<
  Differing<RunbookSpec, typeof runbookFields, 'data' | 'part' | 'objectives' | 'drillEveryDays'>
>();

const runbook = z.strictObject(runbookFields).transform((read, context) => {
  let sound = true;
  const spec = withTrees(read, (path, why) => {
    sound = false;
    context.addIssue({ code: 'custom', message: `is no expression: ${why}`, path });
  });
  for (const twice of duplicates(spec.steps.map((each) => each.id)))
    context.addIssue({
      code: 'custom',
      message: `two steps are called ${twice}`,
      path: ['steps'],
    });
  for (const name of sound ? unknownNames(spec as unknown as RunbookSpec) : [])
    context.addIssue({ code: 'custom', message: `nothing is called ${name}`, path: ['steps'] });
  return spec;
});

/**
 * Reads a runbook that is data from the text of its file.
 * @throws FileError with every mistake as file:line:col
 */
export function parseRunbook(text: string, path: string): RunbookSpec {
  return { ...(parseStrictly(text, path, runbook) as RunbookSpec), data: true };
}

function duplicates(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
