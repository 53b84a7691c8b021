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
    version: z
      .string()
      .regex(/^\d+\.\d+\.\d+$/, 'must be a version such as 1.0.0')
      .describe('Its own version, such as 1.0.0'),
    title: text.describe('What it does, in a few words'),
    description: text.optional().describe('What it is for, and what it is not for'),
    type: z.enum(runbookTypes).optional().describe('What sort of procedure it is'),
    priority: z.enum(priorities).optional().describe('Who goes first when workers are busy'),
    severity: z
      .enum(['P1', 'P2', 'P3', 'P4'])
      .optional()
      .describe('Of the incident that it is for'),
    owner: name.meta({ description: 'The role that keeps it right' }),
    tags: z.array(name).optional().describe('Words to find it by'),
    symptoms: texts.optional().describe('What people see when it is needed'),
    alerts: texts.optional().describe('Alerts that call for it'),
    causes: texts.optional().describe('What usually causes it'),
    prevention: texts.optional().describe('What keeps it from being needed'),
    related: z.array(name).optional().describe('Ids of runbooks to look at too'),
    changelog: z.array(value).optional().describe('What changed with which version'),
    note: text.optional().describe('What readers should know'),
    escalation: z
      .array(z.strictObject({ after: duration, to: name, because: text.optional() }))
      .optional()
      .describe('Who is told when it takes longer'),
    expectedDuration: duration.optional().describe('How long it usually takes'),
    rto: duration.optional().meta({ description: 'How long the failed system may be down' }),
    rpo: duration.optional().meta({ description: 'How much accepted data may be lost' }),
    drillEvery: duration.optional().describe('How often it is rehearsed'),
    reviewEvery: duration.optional().describe('How often it is read again'),
    reviewed: z
      .strictObject({ by: text, at: text })
      .optional()
      .describe('Who read it last, and when'),
    effect: z
      .enum(['read'])
      .optional()
      .meta({ description: 'Nothing in this file may change anything' }),
    inputGroups: z
      .array(id)
      .optional()
      .meta({ description: 'Shared inputs, from input-groups.yaml' }),
    inputs: inputs.optional().describe('What a run is given'),
    prerequisites: z
      .array(z.union([text, step]))
      .optional()
      .describe('What must be so before it starts: shown, or looked at'),
    steps: z.array(step).min(1).describe('What is done, in this order'),
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
      .optional()
      .describe('When it should run; runbook schedule creates it'),
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
      .optional()
      .describe('When its steps may begin'),
    standingApproval: z
      .strictObject({
        by: roles,
        bounds: z.array(expression).optional(),
        expires: duration.optional(),
      })
      .optional()
      .describe('Lets scheduled runs pass their gates within bounds'),
    unattended: z
      .enum(['abort', 'rollback'])
      .optional()
      .describe('What is done instead of asking, where nobody is there to ask'),
  })
  .meta({ id: 'runbook' });

/** `input-groups.yaml` */
export const inputGroups = z.strictObject({
  inputGroups: z.record(id, z.record(id, input)),
});

/** `kinds.yaml` */
export const kinds = z.strictObject({ kinds: z.record(name, kind) });
