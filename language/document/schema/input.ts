import { z } from 'zod';
import { id, name, text, value } from './values.js';

/** What an input can be. */
export const inputTypes = [
  'text',
  'integer',
  'number',
  'boolean',
  'duration',
  'time',
  'choice',
  'list',
  'object',
  'target',
  'runbook',
  'secret',
] as const;

/** A fact of a target may be a command too. */
const factTypes = [...inputTypes, 'words'] as const;

const bounds = {
  pattern: z
    .string()
    .optional()
    .meta({ description: 'Regular expression (RE2) that the text must match as a whole' }),
  maxLength: z.int().min(1).optional().meta({ description: 'Characters at most' }),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  options: z.array(text).min(1).optional().meta({ description: 'What a choice chooses from' }),
  of: z
    .union([z.enum(inputTypes), z.record(z.string(), z.string())])
    .optional()
    .meta({ description: "Type of a list's items, or their fields" }),
  kind: z
    .union([name, z.array(name).min(1)])
    .optional()
    .meta({ description: 'Kind of the target, as in kinds.yaml' }),
};

/** An input of a runbook, a part or an action; also an answer of people. */
export const input = z
  .strictObject({
    type: z.enum(inputTypes),
    description: text.meta({ description: 'What it is: completion, plan and errors show it' }),
    default: value.optional().meta({ description: 'Used when the input is not given' }),
    optional: z.boolean().optional().meta({ description: 'It may be absent' }),
    observed: z
      .boolean()
      .optional()
      .meta({ description: 'A drill only reads this target: it need not be isolated' }),
    group: id.optional().meta({ description: 'The input group that it comes from (long form)' }),
    ...bounds,
  })
  .meta({ id: 'input' });

export const inputs = z.record(id, input);

const fact = z.union([
  z.enum(factTypes),
  z.strictObject({
    type: z.enum(factTypes),
    description: text.optional(),
    optional: z.boolean().optional(),
    ...bounds,
  }),
]);

/** A kind of targets: what all targets of the kind have. */
export const kind = z.strictObject({
  facts: z.record(id, fact),
  addresses: z.array(id).optional(),
  credentials: z.array(id).optional(),
});
