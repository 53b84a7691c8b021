import { z } from 'zod';
import { priorities, runbookTypes } from '../../runbook.js';
import { input, inputs, kind } from './input.js';
import { step } from './step.js';
import { duration, expression, id, name, roles, text, texts, value } from './values.js';

/** A runbook, or a part, which can only stand inside one. */
export const runbook = z
  .strictObject({
    runbook: name.optional().meta({ description: 'Its id: the name of the file' }),
    part: name.optional().meta({ description: 'The id of a part: it stands inside runbooks only' }),
    version: z.string().regex(/^\d+\.\d+\.\d+$/, 'must be a version such as 1.0.0'),
    title: text,
    description: text.optional(),
    type: z.enum(runbookTypes).optional(),
    priority: z.enum(priorities).optional(),
    severity: z.enum(['P1', 'P2', 'P3', 'P4']).optional(),
    owner: name.meta({ description: 'The role that keeps it right' }),
    tags: z.array(name).optional(),
    symptoms: texts.optional(),
    alerts: texts.optional(),
    causes: texts.optional(),
    prevention: texts.optional(),
    related: z.array(name).optional(),
    changelog: z.array(value).optional(),
    note: text.optional(),
    escalation: z
      .array(z.strictObject({ after: duration, to: name, because: text.optional() }))
      .optional(),
    expectedDuration: duration.optional(),
    rto: duration.optional().meta({ description: 'How long the failed system may be down' }),
    rpo: duration.optional().meta({ description: 'How much accepted data may be lost' }),
    drillEvery: duration.optional(),
    reviewEvery: duration.optional(),
    reviewed: z.strictObject({ by: text, at: text }).optional(),
    effect: z
      .enum(['read'])
      .optional()
      .meta({ description: 'Nothing in this file may change anything' }),
    inputGroups: z
      .array(id)
      .optional()
      .meta({ description: 'Shared inputs, from input-groups.yaml' }),
    inputs: inputs.optional(),
    prerequisites: z.array(z.union([text, step])).optional(),
    steps: z.array(step).min(1),
    verify: z.array(step).optional().meta({ description: 'Checked after the steps' }),
    rollback: text.optional().meta({ description: 'What is restored and what is not' }),
    outputs: z
      .record(id, expression)
      .optional()
      .meta({ description: 'What a runbook around it may read' }),
    schedule: z
      .array(
        z.strictObject({
          cron: text,
          zone: text.optional(),
          overlap: text.optional(),
          missed: text.optional(),
        }),
      )
      .optional(),
    window: z
      .strictObject({
        days: z
          .array(
            z.enum(['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']),
          )
          .min(1),
        from: text,
        to: text,
        zone: text.optional(),
        margin: duration.optional(),
      })
      .optional(),
    standingApproval: z
      .strictObject({
        by: roles,
        bounds: z.array(expression).optional(),
        expires: duration.optional(),
      })
      .optional(),
    unattended: z.enum(['abort', 'rollback']).optional(),
  })
  .meta({ id: 'runbook' });

/** `input-groups.yaml` */
export const inputGroups = z.strictObject({
  inputGroups: z.record(id, z.record(id, input)),
});

/** `kinds.yaml` */
export const kinds = z.strictObject({ kinds: z.record(name, kind) });
