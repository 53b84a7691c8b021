import type { JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { sqlParts } from '../../sql-text.js';
import { textIn } from '../expand/draft.js';
import { within } from '../place.js';
import type { SpotRule } from './rule.js';
import { listOf } from './spots.js';

/** What stands for `{x}` is one quoted name or value: only SQL itself is around it. */
export const sqlPlaces: SpotRule = ({ data }, context) => {
  const { places } = context;
  const identifiers = namesIn(data, 'identifiers');
  const literals = namesIn(data, 'literals');
  const names = [...identifiers, ...literals];
  if (names.length === 0) return;
  for (const twice of literals.filter((name) => identifiers.includes(name)))
    context.report(places.nameOf(field(data, 'literals') as JsonObject, twice), {
      rule: 'sql-place',
      message: `{${twice}} is a name and a value`,
      hint: 'call one of them otherwise',
    });
  const used = new Set<string>();
  for (const statement of listOf(data, 'sql')) {
    const text = textIn(statement, 'text');
    const cut = sqlParts(text, names);
    if ('parts' in cut) {
      for (const part of cut.parts) if (typeof part !== 'string') used.add(part.place);
      continue;
    }
    const { place, at, message } = cut.problem;
    used.add(place);
    context.report(within(places.of(statement, 'text'), text, at, at + place.length + 2), {
      rule: 'sql-place',
      message: `{${place}} ${message}`,
      hint: 'a value in a string is $1, with values: [ … ]',
    });
  }
  for (const key of ['identifiers', 'literals'])
    for (const name of namesIn(data, key).filter((each) => !used.has(each)))
      context.report(places.nameOf(field(data, key) as JsonObject, name), {
        rule: 'sql-place',
        message: `there is no {${name}} in the statement`,
      });
};

function namesIn(data: JsonObject, key: string): string[] {
  const given = field(data, key);
  return isObject(given) ? Object.keys(given) : [];
}
