import { z } from 'zod';
import { actionKeys, commonFields, pollFields } from './action.js';
import { input } from './input.js';
import { outputs } from './outputs.js';
import { ruled } from './ruled.js';
import {
  duration,
  expression,
  givenDuration,
  id,
  name,
  roles,
  template,
  text,
  texts,
  value,
  values,
} from './values.js';

/*
 * A step, in one flat object: which of its fields belong together is checked by the rules, so that
 * an editor never says that a whole step is wrong.
 */

const actionShape = { ...actionKeys, ...commonFields, ...pollFields };

type Infer<S extends z.core.$ZodLooseShape> = z.infer<z.ZodObject<S>>;
type Some<T> = z.ZodOptional<z.ZodType<T>>;

/** What takes the effect of a step back. */
interface Undo extends Infer<typeof actionShape & typeof undoFields> {
  action?: Inserted | undefined;
}

/** The action that the loader inserted for a `use`. */
interface Inserted extends Infer<typeof actionShape & typeof insertedFields> {
  undo?: Undo | undefined;
}

/** A case of a branch. */
export interface BranchCase extends Infer<typeof caseFields> {
  steps?: Step[] | undefined;
  branch?: BranchCase[] | undefined;
}

/** A step as it is written, in short form or in long form. */
export interface Step extends Infer<typeof actionShape & typeof ownFields> {
  steps?: Step[] | undefined;
  parallel?: Step[] | undefined;
  branch?: BranchCase[] | undefined;
}

const insertedFields = {
  title: text.optional(),
  note: text.optional(),
  inputs: z.record(id, input).optional(),
  targetKind: z.union([name, z.array(name).min(1)]).optional(),
};

const inserted = z
  .strictObject({
    ...actionShape,
    ...insertedFields,
    get undo(): Some<Undo> {
      return undo.optional();
    },
  })
  .meta({ id: 'inserted', description: 'The named action itself (long form)' });

const undoFields = {
  none: text.optional().meta({ description: 'Why there is nothing to undo' }),
  manual: template.optional().meta({ description: 'What people are to do' }),
  runbook: template.optional().meta({ description: 'The runbook that undoes it' }),
  pass: z.array(id).optional(),
  title: text.optional().meta({ description: 'What the undo does, in words' }),
  when: expression.optional().meta({ description: 'Evaluated at the rollback' }),
};

const undo = z
  .strictObject({ ...actionShape, ...undoFields, action: inserted.optional() })
  .meta({ id: 'undo' });

const verify = z
  .strictObject({
    ...actionShape,
    proves: z
      .boolean()
      .optional()
      .meta({ description: "True if and only if the step's effect is present" }),
    action: inserted.optional(),
  })
  .meta({ id: 'verify' });

const approval = z
  .strictObject({
    by: roles.meta({ description: 'Who may approve: a role, several, or some of several' }),
    evidence: z.union([values, value]).optional().meta({ description: 'Shown to the approver' }),
    questions: z.record(id, input).optional().meta({ description: 'What the approver answers' }),
    confirm: template.optional().meta({ description: 'What the approver must type' }),
    deadline: z
      .union([givenDuration, text])
      .optional()
      .meta({ description: 'A duration or a time' }),
    onDeadline: z.enum(['reject', 'escalate', 'abort']).optional(),
    when: expression.optional().meta({ description: 'Only then an approval is needed' }),
    expect: expression.optional().meta({ description: 'What the answers must be' }),
  })
  .meta({ id: 'approval' });

const told = z.union([
  template,
  z.strictObject({
    when: expression.optional(),
    message: template,
    hint: text.optional(),
  }),
]);

const caseFields = {
  case: name.meta({ description: 'Its id' }),
  title: text.optional(),
  note: text.optional(),
  when: expression.optional().meta({ description: 'Absent in the last case: it is taken else' }),
  outputs: outputs.optional(),
  succeed: told.optional(),
  choose: z.enum(['auto', 'confirm']).optional(),
  by: roles.optional(),
};

/** The fields of a step that are no fields of an action. */
const ownFields = {
  id: id.optional().meta({ description: 'Its name in expressions: steps.<id>' }),
  title: text.optional().meta({ description: 'What it does, in words' }),
  note: text.optional().meta({ description: 'What to look at, what usually goes wrong' }),
  when: expression.optional().meta({ description: 'The step begins only when this is true' }),
  undo: undo.optional().describe('What takes its effect back, or why nothing does'),
  verify: verify.optional().describe('Evaluated after it: whether it had its effect'),
  approval: approval.optional().describe('Who must approve before it begins'),
  action: inserted.optional(),
  onFailure: z
    .enum(['ask', 'capture', 'continue', 'undo', 'rollback', 'abort'])
    .optional()
    .meta({ description: 'What follows when the step has failed for good' }),
  softTimeout: givenDuration
    .optional()
    .meta({ description: 'The operator is asked whether to keep waiting' }),
  pointOfNoReturn: text.optional().meta({ description: 'Why nothing before it can be undone' }),
  temporary: z
    .boolean()
    .optional()
    .meta({ description: 'Undone when its group ends, however it ends' }),
  failFast: z.boolean().optional().meta({ description: 'The first failure cancels the others' }),
  forEach: z
    .union([text, z.strictObject({ $: text }), z.array(value)])
    .optional()
    .describe('Its steps once for each item'),
  as: id.optional().meta({ description: 'A second name for item' }),
  key: expression.optional().meta({ description: 'Names an item in paths' }),
  concurrency: z.int().min(1).max(100).optional().meta({ description: 'Items at once' }),
  maxFailures: z
    .union([
      z.int().min(0),
      z.string().regex(/^\d{1,3}%$/, ruled('shape', 'must be a number, or a share such as 20%')),
    ])
    .optional()
    .meta({ description: 'The error budget: a number or a share such as 20%' }),
  stopWhen: expression.optional().meta({ description: 'Evaluated before each item' }),
  choose: z.enum(['auto', 'confirm']).optional().meta({ description: 'confirm: people take it' }),
  by: roles.optional().meta({ description: 'Who confirms' }),
  evidence: z.union([values, value]).optional().meta({ description: 'Shown to people' }),
  runbook: template.optional().meta({ description: 'A runbook inside this one' }),
  pass: z.array(id).optional().meta({ description: 'Inputs that have the same name there' }),
  mode: z
    .enum(['inline', 'detached', 'handover'])
    .optional()
    .describe('Part of this run, a run of its own, or the run that takes over'),
  manual: template.optional().meta({ description: 'What people are to do' }),
  checklist: texts.optional().describe('What to go through'),
  answers: z.record(id, input).optional().meta({ description: 'What people answer' }),
  attachments: texts.optional().meta({ description: 'Files that people hand in' }),
  wait: z
    .union([
      duration,
      z.strictObject({ until: z.union([givenDuration, text, z.strictObject({ $: text })]) }),
      z.strictObject({ event: name, key: template.optional() }),
    ])
    .optional()
    .meta({ description: 'For a time, until a time, or for an event' }),
  set: z.record(id, expression).optional().meta({ description: 'Names for values' }),
  succeed: told.optional().meta({ description: 'Ends the runbook: nothing else is needed' }),
  fail: told.optional().meta({ description: 'Ends the step as a failure' }),
  undoNow: z.array(id).min(1).optional().meta({ description: 'Steps that are undone here' }),
};

const branchCase = z
  .strictObject({
    ...caseFields,
    get steps(): Some<Step[]> {
      return z.array(step).optional();
    },
    get branch(): Some<BranchCase[]> {
      return z.array(branchCase).min(1).optional();
    },
  })
  .meta({ id: 'case' });

export const step = z
  .strictObject({
    ...ownFields,
    ...actionShape,
    get steps(): Some<Step[]> {
      return z.array(step).optional().describe('Steps in their order');
    },
    get parallel(): Some<Step[]> {
      return z.array(step).min(1).optional().describe('Steps at the same time');
    },
    get branch(): Some<BranchCase[]> {
      return z.array(branchCase).min(1).optional().describe('Cases, of which one is taken');
    },
  })
  .meta({ id: 'step' });

/** A named action: one action, with inputs of its own. */
export const namedAction = z.strictObject({
  action: name.meta({ description: 'Its id' }),
  ...insertedFields,
  title: text,
  ...actionShape,
  undo: undo.optional(),
});
