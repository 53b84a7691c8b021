import type { Json } from '../../json.js';
import type { Place } from '../place.js';
import type { Values } from './values.js';

/** `target: database` names an input; anything else is written `${…}`. */
export function targetOf(values: Values, value: Json, place: Place): Json {
  if (typeof value !== 'string') return value;
  return value.includes('${')
    ? values.template(value, place)
    : values.expression(`inputs.${value}`, place);
}
