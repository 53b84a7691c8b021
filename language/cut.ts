import { isObject } from './objects.js';
import type { Json, JsonObject } from './json.js';

/*
 * What of an output is for people alone. The object itself says which of its fields code must not
 * read: they were shortened, or a secret was taken out of them.
 */

/**
 * What of an output is not whole; null when it is. Data of others may call something `truncated`
 * too.
 */
export function cutIn(output: object): readonly string[] | 'unnamed' | null {
  const { truncated, cut, fullSha256 } = output as Record<string, unknown>;
  if (truncated !== true) return null;
  if (Array.isArray(cut)) return cut as string[];
  return typeof fullSha256 === 'string' ? 'unnamed' : null;
}

/** Whether a secret was taken out of a field that is not whole. */
export function isBlanked(output: object, field: string): boolean {
  const { blanked } = output as Record<string, unknown>;
  return Array.isArray(blanked) && blanked.includes(field);
}

/**
 * An output whose fields that are not whole cannot be read, and are not copied with it.
 * @param refuse throws, for the name of a field that is read
 */
export function withoutCut(output: Json, refuse: (field: string) => never): Json {
  if (Array.isArray(output)) return output.map((item) => withoutCut(item, refuse));
  if (!isObject(output)) return output;
  const fields = Object.entries(output);
  const cut = cutIn(output);
  const unreadable =
    cut === 'unnamed' ? fields.filter(([, value]) => mayBeCut(value)).map(([name]) => name) : cut;
  const readable: JsonObject = Object.fromEntries(
    fields.map(([name, value]) => [name, withoutCut(value, refuse)]),
  );
  for (const name of unreadable ?? [])
    Object.defineProperty(readable, name, { enumerable: false, get: () => refuse(name) });
  return readable;
}

/** Whether the value may be a part of what it was; numbers are never shortened. */
export function mayBeCut(value: unknown): boolean {
  return typeof value === 'string' || (typeof value === 'object' && value !== null);
}

/**
 * Names the fields of an output that are not whole, beside those that it names already.
 * @param blanked those of them that held a secret
 */
export function withCut(
  output: JsonObject,
  cut: readonly string[],
  blanked: readonly string[] = [],
): JsonObject {
  if (cut.length === 0) return output;
  const before = (field: string): Json[] =>
    cutIn(output) !== null && Array.isArray(output[field]) ? output[field] : [];
  const hidden = [...new Set([...before('blanked'), ...blanked])];
  return {
    ...output,
    ...{ truncated: true, cut: [...new Set([...before('cut'), ...cut])] },
    ...(hidden.length === 0 ? {} : { blanked: hidden }),
  };
}
