import { z } from 'zod';
import { runbook } from './document.js';
import { namedAction } from './step.js';
import { test } from './test.js';

/** A JSON Schema, or a part of one. */
interface JsonSchema {
  $ref?: string;
  definitions?: Record<string, JsonSchema>;
  properties?: Record<string, JsonSchema>;
  patternProperties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema | JsonSchema[];
  anyOf?: JsonSchema[];
  [key: string]: unknown;
}

/** The shape as JSON Schema, draft 7, of what people write. */
function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }) as JsonSchema;
}

/** The documents that have a schema of their own for editors. */
const published = { runbook, action: namedAction, test } as const;
export type Published = keyof typeof published;

/** The schema that editors read, as the text of its file. */
export function schemaText(what: Published): string {
  const schema = jsonSchemaOf(published[what]);
  const whole = meantBy(schema, schema) ?? schema;
  whole.patternProperties = { '^x-': {} };
  return `${JSON.stringify({ title: `A ${what} of Durable Runbooks`, ...schema }, null, 1)}\n`;
}

/** Names of the fields that may stand at a path. */
export function fieldsAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const root = jsonSchemaOf(schema);
  let here = [root];
  for (const key of path) {
    here = here.flatMap((each) => forms(each, root)).flatMap((each) => inner(each, key));
  }
  const names = here.flatMap((each) => forms(each, root)).map(({ properties = {} }) => properties);
  return [...new Set(names.flatMap((each) => Object.keys(each)))];
}

function inner(schema: JsonSchema, key: PropertyKey): JsonSchema[] {
  const { properties = {}, items, additionalProperties } = schema;
  if (typeof key === 'number') return items === undefined ? [] : [items].flat();
  const name = String(key);
  if (Object.hasOwn(properties, name)) return [properties[name] as JsonSchema];
  return typeof additionalProperties === 'object' ? [additionalProperties] : [];
}

/** What a schema can be, without references and choices. */
function forms(schema: JsonSchema, root: JsonSchema, depth = 0): JsonSchema[] {
  if (depth > 8) return [];
  const { anyOf = [], allOf = [] } = schema as Record<string, JsonSchema[]>;
  const meant = meantBy(schema, root);
  const others = [...anyOf, ...allOf, ...(meant ? [meant] : [])];
  return [schema, ...others.flatMap((each) => forms(each, root, depth + 1))];
}

function meantBy({ $ref }: JsonSchema, root: JsonSchema): JsonSchema | undefined {
  if ($ref === undefined) return undefined;
  return $ref === '#' ? root : root.definitions?.[$ref.replace('#/definitions/', '')];
}
