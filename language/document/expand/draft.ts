import type { Json, JsonObject } from '../../json.js';
import { field } from '../../objects.js';
import type { Place, Places } from '../place.js';

/** An object of the long form that is being written; each field knows what it was made of. */
export class Draft {
  readonly data: JsonObject = {};

  /** @param from the written object that it is made of */
  constructor(
    readonly places: Places,
    readonly from: object,
  ) {
    places.setSelf(this.data, places.self(from));
  }

  /** Adds a field, unless there is no value. */
  put(key: string, value: Json | undefined, place: Place, name?: Place): void {
    if (value === undefined) return;
    this.data[key] = value;
    this.places.set(this.data, key, place, name);
  }

  /** Adds a field that is made of the written field of the same name. */
  keep(key: string, value: Json | undefined): void {
    if (value === undefined) return;
    const { places, from } = this;
    this.put(key, value, places.of(from, key), places.nameOf(from, key));
  }
}

/** A field that is a text; else an empty one. */
export function textIn(object: JsonObject, key: string): string {
  const value = field(object, key);
  return typeof value === 'string' ? value : '';
}

/** The texts of a field that is a list. */
export function textsIn(object: JsonObject, key: string): string[] {
  const value = field(object, key);
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/** The texts of a field that is a text, or a list of them. */
export function oneOrMoreIn(object: JsonObject, key: string): string[] {
  const value = field(object, key);
  return typeof value === 'string' ? [value] : textsIn(object, key);
}
