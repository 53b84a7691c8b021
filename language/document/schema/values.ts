import { z } from 'zod';
import { durationMs, longestDuration, longestDurationMs } from '../../duration.js';
import type { Json } from '../../json.js';
import { ruled } from './ruled.js';

/* Values that many fields have. */

/** What to write instead of something that is no name; nothing where that cannot be told. */
function better(given: string, between: '-' | '_'): string {
  if (given.includes('@')) return '';
  const words = given.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  const name = words.replaceAll(/[^a-z0-9_-]+/g, between).replaceAll(/^[-_0-9]+|[-_]+$/g, '');
  return name === '' ? '' : `write ${between === '_' ? name.replaceAll('-', '_') : name}`;
}

/** A file that is named in the place of what is in it. */
function fileless(given: string): string {
  return given.replace(/^.*\/(?=.)/, '').replace(/(\.(action|runbook))?\.ya?ml$/, '');
}

/** Runbooks, parts, actions, kinds and cases: `database-outage`. */
export const name = z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/, {
  error: ({ input }) =>
    ruled(
      'name-form',
      'a name is lower-case letters, digits, - and _, and begins with a letter',
      better(fileless(String(input)), '-'),
    ),
});

/** Steps, inputs and outputs: names that expressions can say. */
export const id = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, {
  error: ({ input }) => {
    const given = String(input);
    const instead = better(given, '_');
    return given.includes('-')
      ? ruled(
          'name-form',
          `${given} would be a subtraction in an expression`,
          `${instead}: lower-case letters, digits and _`,
        )
      : ruled('name-form', `${given} is no name: lower-case letters, digits and _`, instead);
  },
});

export const text = z.string().min(1).max(16_000);
export const texts = z.array(text);

/** An expression in long form. */
const long = z.strictObject({ $: z.string().min(1).max(2_000) });

const bare = z.union([z.string().min(1).max(2_000), z.boolean(), z.number(), long], {
  error: ruled('shape', 'must be an expression'),
});
/** An expression as it is: `inputs.n > 3`. */
export const expression = bare.meta({ id: 'expression', description: 'A CEL expression' });

/** A text in which expressions stand in `${…}`; in long form `{ join: […] }`. */
export const template = z
  .union([
    text,
    z.number(),
    z.boolean(),
    long,
    z.strictObject({ join: z.array(z.union([z.string(), long])).min(1) }),
  ])
  .meta({ id: 'template', description: 'Text; ${…} inserts the value of an expression' });

/** Any value; each text in it may have expressions in `${…}`. */
export const value: z.ZodType<Json> = z
  .json()
  .meta({ id: 'value', description: 'Any value; ${…} inserts the value of an expression' });

export const values = z.record(z.string(), value);

const unitless = ({ input }: { input?: unknown }): string =>
  typeof input === 'number'
    ? ruled(
        'duration-unit',
        `${input} what? A duration needs a unit`,
        `write ${input}s or ${input}m`,
      )
    : ruled(
        'duration-form',
        `${JSON.stringify(input)} is no duration`,
        inUnits(String(input)) ?? 'write for example 250ms, 30s, 5m or 1h30m',
      );

/** What `5 minutes` and `1.5h` are called here. */
function inUnits(given: string): string | undefined {
  const found = /^(\d+)(\.5)? ?(ms|s|sec|min|m|h|hour|d|day|second|minute)s?$/i.exec(given.trim());
  if (!found) return undefined;
  const [, whole = '', half, name = ''] = found;
  const unit = /^ms$/i.test(name) ? 'ms' : name.charAt(0).toLowerCase();
  if (half === undefined) return `write ${whole}${unit}`;
  const halves: Readonly<Record<string, string>> = { d: '12h', h: '30m', m: '30s', s: '500ms' };
  const rest = halves[unit];
  return rest === undefined ? undefined : `write ${whole === '0' ? '' : whole + unit}${rest}`;
}

/** `30s`, `1h30m`. */
export const duration = z
  .string({ error: unitless })
  .regex(/^(\d+(ms|s|m|h|d))+$/, { error: unitless, abort: true })
  .refine((text) => (durationMs(text) ?? 0) <= longestDurationMs, {
    error: ({ input }) =>
      ruled('duration-form', `${String(input)} is longer than ${longestDuration}`),
  })
  .meta({ id: 'duration', description: 'A time with its unit, such as 250ms, 30s, 5m or 1h30m' });

/** The same, or an expression that gives one. */
export const givenDuration = z
  .union([z.string().regex(/^((\d+(ms|s|m|h|d))+|\$\{[^]*\})$/, { error: unitless }), long], {
    error: unitless,
  })
  .meta({ id: 'given-duration', description: 'A time with its unit, or ${…} that gives one' });

/** Names by their people: `dba`, `[dba, manager]`, `{ any: 2, of: [dba, sre] }`. */
export const roles = z.union([
  name,
  z.array(name).min(1),
  z.strictObject({ any: z.int().min(1), of: z.array(name).min(1) }),
]);

export const oneOrMore = z.union([template, z.array(template).min(1)]);
