import { z } from 'zod';
import { id, json, milliseconds, orReference, text } from '../values.js';

export const rollout = z.strictObject({
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
