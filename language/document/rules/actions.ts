import { readInstant, instantForm } from '../../instant.js';
import { durationMs } from '../../duration.js';
import type { Json, JsonObject } from '../../json.js';
import { httpMethods } from '../../kinds/http.js';
import { field, isObject } from '../../objects.js';
import { parametersIn } from '../../sql-text.js';
import { textIn } from '../expand/draft.js';
import { kindOf } from '../kinds.js';
import { within } from '../place.js';
import { nameOf } from './kinds.js';
import type { Context, SpotRule } from './rule.js';
import { listOf, type Spot } from './spots.js';

/*
 * What an action cannot be without, and what only its run would tell otherwise.
 */

/** Requests have a method and a path; statements have their values; both have a target. */
export const actions: SpotRule = (spot, context) => {
  request(spot.data, context);
  for (const statement of listOf(spot.data, 'sql')) parameters(statement, context);
  target(spot, context);
  until(spot.data, context);
};

function request(data: JsonObject, context: Context): void {
  const http = field(data, 'http');
  if (typeof http !== 'string') return;
  if (httpMethods.some((each) => http.startsWith(`${each} /`))) return;
  const [, given = '', rest = ''] = /^(?:([A-Za-z]+)\s+)?(.*)$/.exec(http.trim()) ?? [];
  const method = httpMethods.find((each) => each === given.toUpperCase()) ?? 'GET';
  const own = /^\w+:\/\/[^/]*(.*)$/.exec(rest);
  const path = (own?.[1] ?? rest).replace(/^\/?/, '');
  context.report(context.places.of(data, 'http'), {
    rule: 'http-form',
    message: own
      ? 'http is a method and a path: the address before it is that of the target'
      : 'http is a method and a path',
    hint: `write http: ${method} /${path}; methods are ${httpMethods.join(', ')}`,
  });
}

function parameters(statement: JsonObject, context: Context): void {
  const text = textIn(statement, 'text');
  const values = field(statement, 'values');
  if (values !== undefined && !Array.isArray(values)) return;
  const count = values?.length ?? 0;
  const used = parametersIn(text);
  const most = Math.max(0, ...used.map(({ number }) => number));
  const first = used.find(({ number }) => number > count);
  const place = context.places.of(statement, 'text');
  if (first)
    context.report(within(place, text, first.at, first.at + String(first.number).length + 1), {
      rule: 'sql-values',
      message: `the statement reads $${first.number}, and has ${counted(count)}`,
      hint: `write values: with a value for each of $1 to $${most}`,
    });
  else if (most < count)
    context.report(context.places.of(values as Json[], most), {
      rule: 'sql-values',
      message: `nothing in the statement reads $${most + 1}`,
      hint: 'PostgreSQL refuses a value that no statement reads: take it out',
    });
}

function counted(count: number): string {
  if (count === 0) return 'no values';
  return count === 1 ? 'one value' : `${count} values`;
}

/** A named action has that of the step which uses it. */
function target(spot: Spot, context: Context): void {
  const { data } = spot;
  const kind = kindOf(data);
  if (context.sort === 'action' || (kind !== 'sql' && kind !== 'http')) return;
  if (Object.hasOwn(data, 'target')) return;
  const asked = kind === 'sql' ? 'database' : 'service';
  context.report(context.places.nameOf(data, kind), {
    rule: 'target-missing',
    message: `${nameOf(spot)} does not say which ${asked} it asks`,
    hint: 'write target: and the name of an input of type target',
  });
}

function until({ wait }: JsonObject, context: Context): void {
  if (!isObject(wait ?? null)) return;
  const given = field(wait as JsonObject, 'until');
  if (typeof given !== 'string' || durationMs(given) !== undefined) return;
  const read = readInstant(given);
  if (!('wrong' in read)) return;
  context.report(context.places.of(wait as JsonObject, 'until'), {
    rule: 'wait-until',
    message: `"${given}" ${read.wrong}`,
    hint: `write a time, such as ${instantForm}, or \${…} that gives one`,
  });
}
