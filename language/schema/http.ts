import { z } from 'zod';
import { id, json, orReference, text } from './values.js';

const scalars = z.record(z.string(), orReference(z.union([z.string(), z.number()])));
export const http = z.strictObject({
  kind: z.literal('http'),
  target: orReference(id),
  credentials: id.optional(),
  runsOn: orReference(text).optional(),
  address: z
    .string()
    .regex(/^[a-z][a-z0-9_]*$/)
    .optional(),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
  // eslint-disable-next-line layers/step-paths -- the path of an address
  path: z.string().startsWith('/').max(2_000),
  params: scalars.optional(),
  query: scalars.optional(),
  headers: z.record(z.string(), z.string()).optional(),
  json: json.optional(),
  idempotencyKey: z.boolean().optional(),
  idempotent: z.boolean().optional(),
  statuses: z.array(z.int().min(100).max(599)).min(1).optional(),
  pick: z.record(z.string(), z.string()).optional(),
});
