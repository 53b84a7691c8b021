import { z } from 'zod';
import { id, json, orReference, text } from './values.js';

export const notify = z.strictObject({
  kind: z.literal('notify'),
  target: orReference(id).optional(),
  text,
  fields: z.record(z.string(), json).optional(),
});
