import type { Json } from '../language/json.js';
import { storable } from '../store/index.js';
import { marked } from './marked.js';

/**
 * An output as the record can hold it. What it could not hold as it was (NUL, halves of surrogate
 * pairs) is for people alone: code must not go on with another value.
 */
export function storedOutput(output: Json): Json {
  return marked(output, storable(output));
}
