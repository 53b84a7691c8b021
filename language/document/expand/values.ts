import type { Json, JsonObject } from '../../json.js';
import { isObject } from '../../objects.js';
import { within, type Place, type Places } from '../place.js';
import { problemAt, type Problem } from '../problem.js';
import { partsOf, type Part } from '../template.js';
import { wordsOf } from '../words.js';

/*
 * Values: text and expressions are different data in the long form. `{ $: … }` is an expression,
 * `{ join: […] }` text with expressions, and nothing else is searched for any.
 */

/** Writes values into their long form. */
export class Values {
  constructor(
    readonly places: Places,
    readonly problems: Problem[],
  ) {}

  /** A bare expression. */
  expression(value: Json, place: Place): Json {
    if (value === null || typeof value === 'object') return value;
    return this.#expression(String(value), place);
  }

  /** A text that may hold expressions; other values, and what is long already, stay as they are. */
  template(value: Json, place: Place): Json {
    if (typeof value !== 'string') return value;
    const parts = partsOf(value);
    if (!('unclosed' in parts)) return this.#joined(parts, value, place);
    this.problems.push(
      problemAt(within(place, value, parts.unclosed, parts.unclosed + 2), {
        rule: 'expression-syntax',
        message: 'this expression is not closed: } is missing',
        hint: 'a ${ that is no expression is written $${',
      }),
    );
    return value;
  }

  /** Any value: each text in it is a template. */
  deep(value: Json, place: Place): Json {
    if (typeof value === 'string') return this.template(value, place);
    if (value === null || typeof value !== 'object' || isLong(value)) return value;
    if (Array.isArray(value)) {
      const list: Json[] = value.map((each, at) => this.deep(each, this.places.of(value, at)));
      return this.places.copy(value, list);
    }
    return this.record(value, (each, at) => this.deep(each, at));
  }

  /** An object whose values are written by `write`. */
  record(value: Json, write: (value: Json, place: Place) => Json): Json {
    if (!isObject(value)) return value;
    const entries = Object.entries(value).map(([key, each]) => [
      key,
      write(each, this.places.of(value, key)),
    ]);
    return this.places.copy(value, Object.fromEntries(entries) as JsonObject);
  }

  /** A command: the words of its line, or its list. */
  words(value: Json, place: Place): Json {
    if (typeof value === 'string') return this.#line(value, place);
    if (!Array.isArray(value)) return value;
    const list: Json[] = value.map((each, at) => {
      if (typeof each === 'number' || typeof each === 'boolean') return String(each);
      return isObject(each) && Object.hasOwn(each, 'json')
        ? this.deep(each, this.places.of(value, at))
        : this.template(each, this.places.of(value, at));
    });
    return this.places.copy(value, list);
  }

  #line(line: string, place: Place): Json {
    const words = wordsOf(line);
    if (!Array.isArray(words)) {
      const { at, length, message, hint } = words;
      this.problems.push(
        problemAt(within(place, line, at, at + length), {
          rule: message.startsWith('this expression') ? 'expression-syntax' : 'command-is-no-shell',
          message,
          hint: hint === '' ? undefined : hint,
        }),
      );
      return [];
    }
    const list: Json[] = [];
    this.places.setSelf(list, place);
    for (const { parts, start, end } of words) {
      this.places.set(list, list.length, within(place, line, start, end));
      list.push(this.#joined(parts, line, place));
    }
    return list;
  }

  #joined(parts: readonly Part[], whole: string, place: Place): Json {
    const [only] = parts;
    if (parts.length === 1 && only && 'text' in only)
      return only.text.includes('${') ? this.#join([only.text], place) : only.text;
    const made = parts.map((part) =>
      'text' in part
        ? part.text
        : this.#expression(part.source, within(place, whole, part.at, part.end)),
    );
    return made.length === 1 ? (made[0] ?? '') : this.#join(made, place);
  }

  #join(parts: Json[], place: Place): Json {
    this.places.setSelf(parts, place);
    const joined = { join: parts };
    this.places.setSelf(joined, place);
    this.places.set(joined, 'join', place);
    return joined;
  }

  #expression(source: string, place: Place): JsonObject {
    const made = { $: source };
    this.places.setSelf(made, place);
    this.places.set(made, '$', place);
    return made;
  }
}

/** Whether the value is an expression, or text with expressions, in long form. */
export function isLong(value: Json): boolean {
  if (!isObject(value)) return false;
  const keys = Object.keys(value);
  return keys.length === 1 && (typeof value['$'] === 'string' || Array.isArray(value['join']));
}
