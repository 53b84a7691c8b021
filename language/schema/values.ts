import { z } from 'zod';
import type { Json } from '../json.js';

/* Values that fields of many kinds have. */

export const id = z
  .string()
  .regex(
    /^[a-z][a-z0-9_-]{0,62}$/,
    'must be lower-case letters, digits, - or _, and begin with a letter',
  );
export const text = z.string().min(1).max(4_000);
const reference = z.strictObject({
  $: z
    .string()
    .regex(/^(inputs|steps|item|run)(\.[A-Za-z0-9_-]+)*$/, 'is no reference such as inputs.x'),
});
export const orReference = <T extends z.ZodType>(shape: T) => z.union([shape, reference]);
export const json: z.ZodType<Json> = z.json();
export const milliseconds = z
  .int()
  .min(1)
  .max(7 * 24 * 3_600_000);

export const condition: z.ZodType = z.lazy(() =>
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
