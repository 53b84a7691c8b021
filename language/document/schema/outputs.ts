import { z } from 'zod';
import { inputTypes } from './input.js';
import { expression, id, text } from './values.js';

/** What a step keeps of its answer: an expression, with its type where others should know it. */
const output = z.union([
  expression,
  z.strictObject({
    value: expression,
    type: z.enum(inputTypes).optional(),
    of: z.union([z.enum(inputTypes), z.record(z.string(), z.string())]).optional(),
    description: text.optional(),
  }),
]);

export const outputs = z.record(id, output);
