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
const reference = z.strictObject({ $: z.string().min(1).max(2_000) });
export const orReference = <T extends z.ZodType>(shape: T) => z.union([shape, reference]);
export const json: z.ZodType<Json> = z.json();
export const milliseconds = z
  .int()
  .min(1)
  .max(7 * 24 * 3_600_000);

/** A condition on what a step answers, such as `out.exitCode == 0`. */
export const condition = z
  .string()
  .min(1)
  .max(2_000)
  .transform((cel) => ({ cel }));

/** A condition on inputs and earlier outputs, such as `inputs.count > 3`. */
export const when = z
  .string()
  .min(1)
  .max(2_000)
  .transform((source) => ({ $: source }));
