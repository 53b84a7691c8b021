import { z } from 'zod';
import { servers } from './traffic.js';
import { id, milliseconds, orReference, text } from '../values.js';

const numbers = z.strictObject({
  requests: z.number(),
  errors: z.number(),
  p95Ms: z.number().nullable(),
  memoryBytes: z.number().nullable(),
});

export const analysis = z.strictObject({
  kind: z.literal('analysis'),
  target: orReference(id),
  candidate: z.union([orReference(text), z.array(text).min(1)]),
  baseline: z.union([orReference(text), z.array(text).min(1)]).optional(),
  versions: z.strictObject({ candidate: text, baseline: text.optional() }).optional(),
  windowMs: milliseconds,
  patienceMs: milliseconds.optional(),
  limits: z.strictObject({
    minRequests: z.int().min(1),
    errorRate: z.number().min(0).max(1),
    latency: z.number().min(1),
  }),
  before: numbers.nullable().optional(),
  expected: z.strictObject({ servers, started: z.string().nullable() }).optional(),
});
