import type { z } from 'zod';
import type { JsonObject } from '../json.js';
import { inputGroups, kinds, runbook } from './schema/document.js';
import { namedAction } from './schema/step.js';
import { test } from './schema/test.js';

/** What a file can be; its first key says it. */
const sorts = ['runbook', 'part', 'action', 'test', 'inputGroups', 'kinds'] as const;
export type Sort = (typeof sorts)[number];

const shapes: Readonly<Record<Sort, z.ZodType>> = {
  runbook,
  part: runbook,
  action: namedAction,
  test,
  inputGroups,
  kinds,
};

/** The shape of a file of this sort, and what it is called in messages. */
export function shapeOf(sort: Sort): { schema: z.ZodType; what: string } {
  return { schema: shapes[sort], what: `the ${sort}` };
}

/** What a file is: as it says itself, else as its name says. */
export function sortOf(data: JsonObject, file: string): Sort {
  const said = sorts.find((each) => Object.hasOwn(data, each));
  if (said) return said;
  if (file.endsWith('.test.yaml')) return 'test';
  return file.endsWith('.action.yaml') ? 'action' : 'runbook';
}
