import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import type { Place } from '../place.js';
import { isLong, type Values } from './values.js';

/** What an expectation can be about, one in each of the long form. */
const subjects = ['exit', 'status', 'match', 'condition'] as const;

/** `expect` in long form: a list, each about one thing, with what it means when it is not so. */
export function expectations(values: Values, value: Json, place: Place): Json {
  const { places } = values;
  if (!isObject(value) && !Array.isArray(value))
    return list(
      values,
      [about(values, 'condition', values.expression(value, place), place)],
      place,
    );
  if (isObject(value) && isLong(value))
    return list(values, [about(values, 'condition', value, place)], place);
  const given = Array.isArray(value) ? value : [value];
  const long = given.flatMap((each, at) =>
    isObject(each) ? each && separate(values, each) : [at < given.length ? each : null],
  );
  places.setSelf(long, place);
  for (const [at, each] of long.entries())
    places.set(long, at, isObject(each) ? places.self(each) : place);
  return long;
}

function separate(values: Values, expectation: JsonObject): Json[] {
  const { places } = values;
  return subjects.flatMap((subject) => {
    const value = field(expectation, subject);
    if (value === undefined) return [];
    const many = subject === 'condition' && Array.isArray(value) ? value : [value];
    return many.map((each, at) => {
      const place = many === value ? places.of(many, at) : places.of(expectation, subject);
      const long = subject === 'condition' ? values.expression(each, place) : each;
      const made = about(values, subject, long, place);
      for (const key of ['message', 'hint']) {
        const told = field(expectation, key);
        if (told === undefined) continue;
        made[key] = key === 'hint' ? told : values.template(told, places.of(expectation, key));
        places.set(made, key, places.of(expectation, key), places.nameOf(expectation, key));
      }
      return made;
    });
  });
}

function about(values: Values, subject: string, value: Json, place: Place): JsonObject {
  const made = { [subject]: value };
  values.places.setSelf(made, place);
  values.places.set(made, subject, place);
  return made;
}

function list(values: Values, items: Json[], place: Place): Json {
  values.places.setSelf(items, place);
  values.places.set(items, 0, place);
  return items;
}
