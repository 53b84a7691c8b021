import type { Json, JsonObject } from '../language/json.js';
import { storable } from '../store/index.js';

/**
 * An output as the record can hold it. A field that it could not hold as it was (NUL, halves of
 * surrogate pairs) is for people alone, as one that was shortened: code must not go on with another
 * value.
 */
export function storedOutput(output: Json): Json {
  const stored = storable(output);
  if (JSON.stringify(stored) === JSON.stringify(output)) return stored;
  const [fields, kept] = [output, stored].map((each) => (isFields(each) ? each : { value: each }));
  const changed = Object.keys(kept ?? {}).filter(
    (name) => JSON.stringify(fields?.[name]) !== JSON.stringify(kept?.[name]),
  );
  const before = kept?.['cut'];
  const cut = [...new Set([...(Array.isArray(before) ? before : []), ...changed])];
  return { ...kept, truncated: true, cut };
}

function isFields(value: Json): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
