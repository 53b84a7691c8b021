import { z } from 'zod';
import { durationMs } from './duration.js';
import type { Json } from './json.js';
import { faultsIn } from './pipeline-faults.js';
import {
  placeholders,
  placeholdersIn,
  type Checkpoints,
  type Measure,
  type Pipeline,
  type TableName,
} from './pipeline.js';
import { airflow } from './pipeline-airflow.js';
import { notAName } from './sql-name.js';

/*
 * The `pipeline` of a target in targets.yaml: exactly this, and every mistake with its place.
 */

/** A name in the database, exactly as it is there: upper case and spaces count. */
const column = z.string().superRefine((text, context) => {
  const why = notAName(text);
  if (why !== null) context.addIssue({ code: 'custom', message: why });
});

const table = z
  .union([z.string(), z.tuple([column, column])])
  .transform((given): TableName => (typeof given === 'string' ? given.split('.') : given))
  .refine((names) => names.length <= 2 && names.every((name) => notAName(name) === null), {
    error: 'must be a table, or SCHEMA.TABLE; a name with a dot in it is a list: [schema, table]',
  });

const columns = z.array(column).min(1);

/** A list of columns, or names with their columns. */
const measures = z
  .union([z.array(column), z.record(z.string().min(1), column)])
  .transform((given): Measure[] =>
    Array.isArray(given)
      ? given.map((name) => ({ name, column: name }))
      : Object.entries(given).map(([name, each]) => ({ name, column: each })),
  );

/** The name of one of the target's connections; whether it has it, `faultsOfConnections` says. */
const connection = z.string().min(1).optional();

const inDatabase = { connection, dataset: column.optional() };
const declaredTable = { table, ...inDatabase };

const stageName = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_-]{0,62}$/,
    'must be a letter, and then letters, digits, _ and - (the name that the orchestrator uses)',
  );

const duration = z.string().refine((text) => durationMs(text) !== undefined, {
  error: 'must be a duration, such as 90m or 26h',
});

function freshness({ column: name, within }: { column: string; within: string }) {
  return { column: name, withinMs: durationMs(within) ?? 0 };
}

const stage = z.strictObject({
  name: stageName,
  ...declaredTable,
  key: columns,
  batch: column.optional(),
  order: column.optional(),
  measures: measures.default([]),
  fresh: z.strictObject({ column, within: duration }).transform(freshness).optional(),
  repeats: z.boolean().default(false),
});

/** A query is put in brackets: a semicolon behind it would end the statement around it. */
const query = z
  .string()
  .max(20_000)
  .transform((text) => text.replace(/[\s;]+$/, ''))
  .refine((text) => text.trim() !== '' && !text.includes('\0'), {
    error: 'must be one query (SELECT …)',
  });

const checkpoints = z
  .strictObject({
    ...inDatabase,
    table: table.optional(),
    query: query.optional(),
    stage: column,
    batch: column,
    order: column.optional(),
    rows: column.optional(),
    sums: z.record(z.string(), column).default({}),
    checksum: column.optional(),
    cumulative: z.boolean(),
  })
  .transform((given, context): Checkpoints => {
    const { table: inTable, query: told, order } = given;
    if ((inTable === undefined) === (told === undefined))
      context.addIssue({
        code: 'custom',
        message: 'say where the claims are: in `table`, or by `query`',
      });
    else if (told !== undefined && order !== undefined)
      context.addIssue({
        ...{ code: 'custom', path: ['order'] },
        message: 'chooses among claims in a table: a query itself returns one row for each batch',
      });
    else return given as Checkpoints;
    return z.NEVER;
  });

const data = z.strictObject({
  dataset: column.optional(),
  stages: z.tuple([stage], stage),
  source: z.strictObject({ ...declaredTable, key: columns }).optional(),
  checkpoints: checkpoints.optional(),
  rejects: z
    .strictObject({
      ...declaredTable,
      key: columns,
      stage: column.optional(),
      reason: column.optional(),
      repeated: z.array(z.string()).default([]),
    })
    .refine(({ reason, repeated }) => reason !== undefined || repeated.length === 0, {
      error: 'names reasons in `repeated`, and no column with the `reason`',
    })
    .optional(),
  setAside: z.strictObject({ ...declaredTable, key: columns, reason: column }).optional(),
  quarantine: z.strictObject({ rows: table, checkpoints: table.optional() }).optional(),
});

const words = z.array(z.string().min(1)).min(1);

const fieldPath = z
  .string()
  .regex(
    /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,3}$/,
    'must be the names of fields with dots between them, such as error.code',
  );

/** The path of a request, with the placeholders that it may hold. */
function path(use: keyof typeof placeholders) {
  // eslint-disable-next-line layers/step-paths -- the path of an address
  return z.string().startsWith('/').max(2_000).superRefine(onlyKnown(use));
}

function onlyKnown(use: keyof typeof placeholders) {
  const known: readonly string[] = placeholders[use];
  return (text: string, context: z.core.$RefinementCtx): void => {
    for (const name of placeholdersIn(text).filter((each) => !known.includes(each)))
      context.addIssue({
        code: 'custom',
        message:
          `holds {${name}}, which is not known here; ` +
          (known.length === 0
            ? 'nothing is'
            : `known are ${known.map((each) => `{${each}}`).join(', ')}`),
      });
  };
}

const scalar = z.union([z.string(), z.number()]);

function request(use: 'restart' | 'stop') {
  return {
    path: path(use),
    method: z.enum(['POST', 'PUT', 'PATCH', 'DELETE']).default('POST'),
    query: z
      .record(z.string(), z.union([z.string().superRefine(onlyKnown(use)), z.number()]))
      .default({}),
    json: (z.json() as z.ZodType<Json>)
      .superRefine((body, context) => {
        for (const text of textsIn(body)) onlyKnown(use)(text, context);
        for (const text of textsIn(body).filter((each) => !/^(\{\w+\}|[^{}]*)$/.test(each)))
          context.addIssue({
            code: 'custom',
            message: `holds ${JSON.stringify(text)}: a placeholder stands alone in its text`,
          });
      })
      .optional(),
  };
}

function textsIn(value: Json): string[] {
  if (typeof value === 'string') return [value];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(textsIn);
}

const jobTable = z.strictObject({
  table,
  connection,
  id: column,
  status: column,
  created: column,
  stage: column.optional(),
  dataset: column.optional(),
  where: z.record(column, z.union([z.string(), z.number(), z.boolean()])).default({}),
});

const jobList = z.strictObject({
  path: path('jobs'),
  query: z.record(z.string(), scalar).default({}),
  list: fieldPath.optional(),
  id: fieldPath,
  status: fieldPath,
  created: fieldPath,
  stage: fieldPath.optional(),
  dataset: fieldPath.optional(),
});

/** By what is there: a union would say of every mistake only that no form fits. */
const jobs = z.discriminatedUnion('in', [
  jobTable.extend({ in: z.literal('table') }),
  jobList.extend({ in: z.literal('api') }),
]);

const http = z.strictObject({
  states: z
    .strictObject({
      running: words,
      completed: words,
      failed: words,
      stopped: z.array(z.string().min(1)).default([]),
    })
    .superRefine((states, context) => {
      const all = Object.values(states).flat();
      for (const word of new Set(all.filter((each, at) => all.indexOf(each) !== at)))
        context.addIssue({ code: 'custom', message: `holds ${JSON.stringify(word)} twice` });
    }),
  ping: path('ping').optional(),
  jobs,
  status: z.strictObject({
    path: path('status'),
    status: fieldPath,
    stage: fieldPath.optional(),
    code: fieldPath.optional(),
    message: fieldPath.optional(),
    record: fieldPath.optional(),
    progress: fieldPath.optional(),
  }),
  log: z.strictObject({ path: path('log') }).optional(),
  restart: z.strictObject({
    ...{ ...request('restart'), job: fieldPath, idempotent: z.boolean() },
    completed: z.boolean().default(false),
  }),
  stop: z
    .strictObject({
      ...request('stop'),
      ended: z.array(z.int().min(300).max(499)).default([404]),
    })
    .optional(),
  validate: z
    .strictObject({ path: path('validate'), valid: fieldPath, missing: fieldPath.optional() })
    .optional(),
  poison: z.array(z.string().min(1)).default([]),
});

const folder = z.string().regex(/^\/[^\p{Cc}]*$/u, 'must be an absolute path');

const dbt = z.strictObject({
  program: folder,
  project: folder,
  profiles: folder.optional(),
  target: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_-]*$/)
    .optional(),
});

const program = z.strictObject({
  path: folder,
  args: z.array(z.string()).default([]),
  stops: z.boolean(),
  restartsCompleted: z.boolean().default(false),
});

const ways = { http, dbt, airflow, program };

const run = z
  .strictObject(ways)
  .partial()
  .transform((given, context): Pipeline['run'] => {
    // As many as there are keys: each is one of the ways.
    if (Object.keys(given).length === 1) return given as Pipeline['run'];
    const names = Object.keys(ways).map((way) => `\`${way}\``);
    const all = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
    context.addIssue({ code: 'custom', message: `says one way in which it is run: ${all}` });
    return z.NEVER;
  });

/** What a target of kind pipeline declares. */
export const pipeline: z.ZodType<Pipeline> = z
  .strictObject({ run, data })
  .superRefine((declared, context) => {
    for (const { path: at, message } of faultsIn(declared))
      context.addIssue({ code: 'custom', message, path: at });
  });
