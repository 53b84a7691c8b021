import { z } from 'zod';
import { id, json, milliseconds, orReference, text } from './values.js';

const places = z.record(z.string().regex(/^[a-z][a-z0-9_]*$/), json);

export const sql = z.strictObject({
  kind: z.literal('sql'),
  target: orReference(id),
  credentials: id.optional(),
  runsOn: orReference(text).optional(),
  statements: z
    .array(
      z.strictObject({
        text,
        values: z.array(json).optional(),
        as: z.string().min(1).max(63).optional(),
      }),
    )
    .min(1),
  identifiers: places.optional(),
  literals: places.optional(),
  transaction: z.literal('none').optional(),
  idempotent: z.boolean().optional(),
  statementTimeoutMs: milliseconds.optional(),
  lockTimeoutMs: milliseconds.optional(),
  isolation: z.enum(['read committed', 'repeatable read', 'serializable']).optional(),
});
