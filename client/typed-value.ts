import { parseJson, type Json } from '../language/json.js';

/** A value that is JSON counts as what it says, everything else as text. */
export function valueOf(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}
