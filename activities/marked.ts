import { cutIn, withCut } from '../language/cut.js';
import type { Json, JsonObject } from '../language/json.js';
import { isObject } from '../language/objects.js';

/*
 * How an output says which of its fields are for people alone: they were shortened, or a secret was
 * taken out of them. Code that reads them finds no value.
 */

/**
 * An output as people see it, with names of what is not as it was, each in its own object.
 * @param was as it was answered
 * @param is the same, changed for people
 * @param secrets whether secrets were taken out of it
 */
export function marked(was: Json, is: Json, secrets = false): Json {
  if (was === is) return is;
  // A kind of step may have said that its answer is whole.
  const hasRoom = (fields: JsonObject): boolean =>
    mayBeMarked(fields) || (fields === is && fields['truncated'] === false);
  return (
    compared(was, is, hasRoom, secrets) ??
    withCut({ value: is }, ['value'], secrets ? ['value'] : [])
  );
}

/** Undefined: it is another value, which only the object around it can say. */
function compared(
  was: Json | undefined,
  is: Json,
  hasRoom: (fields: JsonObject) => boolean,
  secrets: boolean,
): Json | undefined {
  if (Array.isArray(is)) {
    if (!Array.isArray(was) || was.length !== is.length) return undefined;
    const items = is.map((item, at) => compared(was[at], item, hasRoom, secrets));
    return items.some((item) => item === undefined) ? undefined : (items as Json[]);
  }
  if (!isObject(is)) return was === is ? is : undefined;
  if (!isObject(was) || Object.keys(was).some((name) => !Object.hasOwn(is, name))) return undefined;
  const cut: string[] = [];
  const fields = Object.entries(is).map(([name, value]): [string, Json] => {
    const kept = Object.hasOwn(was, name)
      ? compared(was[name], value, hasRoom, secrets)
      : undefined;
    if (kept === undefined) cut.push(name);
    return [name, kept ?? value];
  });
  if (cut.length > 0 && !hasRoom(is)) return undefined;
  return withCut(Object.fromEntries(fields), cut, secrets ? cut : []);
}

/** Whether a mark takes the place of no field that somebody else has filled. */
function mayBeMarked(fields: JsonObject): boolean {
  return cutIn(fields) !== null || marks.every((name) => !Object.hasOwn(fields, name));
}

const marks = ['truncated', 'cut', 'blanked'];
