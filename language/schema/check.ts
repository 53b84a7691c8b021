import { z } from 'zod';
import { command } from './command.js';
import { http } from './http.js';
import { sql } from './sql.js';
import { condition, milliseconds } from './values.js';

export const check = z.strictObject({
  kind: z.literal('check'),
  probe: z.discriminatedUnion('kind', [command, sql, http]),
  until: condition,
  failWhen: condition.optional(),
  inconclusiveWhen: condition.optional(),
  consecutive: z.int().min(1).max(10_000).optional(),
  forMs: milliseconds.optional(),
  everyMs: milliseconds,
  progress: z.array(z.string()).optional(),
});
