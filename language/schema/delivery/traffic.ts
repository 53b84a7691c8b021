import { z } from 'zod';
import { id, milliseconds, orReference, text } from '../values.js';

export const servers = z.array(
  z.strictObject({ name: text, address: z.string().nullable(), weight: z.int().min(0).max(256) }),
);

export const traffic = z.strictObject({
  kind: z.literal('traffic'),
  target: orReference(id),
  operation: z.enum(['observe', 'set', 'drain']),
  servers: servers.optional(),
  limitMs: milliseconds.optional(),
});
