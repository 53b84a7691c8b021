import type { Source } from './source.js';

/** How a value is written. */
export type Style = 'plain' | 'single' | 'double' | 'literal' | 'folded' | 'flow' | 'block';

/** Where something is written. */
export interface Place {
  source: Source;
  /** Offsets in the source, the end not included. */
  start: number;
  end: number;
  style: Style;
}

/**
 * Where the parts of a document are written. The values themselves are plain data; what is made of
 * them later keeps the place of what it was made of.
 */
export class Places {
  readonly #values = new WeakMap<object, Map<string, Place>>();
  readonly #keys = new WeakMap<object, Map<string, Place>>();
  readonly #selves = new WeakMap<object, Place>();

  /** @param fallback where the document begins: for what has no place of its own */
  constructor(readonly fallback: Place) {}

  /** Notes where a list or an object is written. */
  setSelf(container: object, place: Place): void {
    this.#selves.set(container, place);
  }

  /** Notes where a field or an item is written, and its name. */
  set(container: object, key: string | number, value: Place, name?: Place): void {
    put(this.#values, container, key, value);
    if (name) put(this.#keys, container, key, name);
  }

  /** Where a field or an item is written; of what is missing, what is around it. */
  of(container: object, key: string | number): Place {
    return this.#values.get(container)?.get(String(key)) ?? this.self(container);
  }

  /** Where the name of a field is written. */
  nameOf(container: object, key: string): Place {
    return this.#keys.get(container)?.get(key) ?? this.of(container, key);
  }

  /** Where a list or an object is written. */
  self(container: object): Place {
    return this.#selves.get(container) ?? this.fallback;
  }

  /** Whether the field is written, or made of something that is. */
  has(container: object, key: string | number): boolean {
    return this.#values.get(container)?.has(String(key)) ?? false;
  }

  /** Gives the copy of a list or an object the places of what it was made of. */
  copy<T extends object>(from: object, to: T): T {
    const self = this.#selves.get(from);
    if (self) this.#selves.set(to, self);
    for (const [key, place] of this.#values.get(from) ?? []) put(this.#values, to, key, place);
    for (const [key, place] of this.#keys.get(from) ?? []) put(this.#keys, to, key, place);
    return to;
  }
}

function put(
  table: WeakMap<object, Map<string, Place>>,
  container: object,
  key: string | number,
  place: Place,
): void {
  const known = table.get(container) ?? new Map<string, Place>();
  known.set(String(key), place);
  table.set(container, known);
}

/**
 * The place of a part of a text: where its characters stand in the file. Where they do not stand
 * there one after the other, as in folded text, it is the first line of the whole.
 * @param from offset in the value of the text
 */
export function within(place: Place, value: string, from: number, to: number): Place {
  const map = offsetsOf(place, value);
  const [start, last] = [map?.[from], map?.[Math.max(from, to - 1)]];
  if (start === undefined || last === undefined) return firstLine(place);
  const part = { ...place, start, end: to > from ? last + 1 : start };
  const isPlain = place.source.text.slice(part.start, part.end) === value.slice(from, to);
  return isPlain ? { ...part, style: 'plain' } : part;
}

/** A place, ended where its first line ends: what carets can show. */
export function firstLine(place: Place): Place {
  const { source, start, end } = place;
  const { line } = source.position(start);
  const lineEnd = source.startOf(line) + source.lineText(line).length;
  return { ...place, end: Math.max(Math.min(end, lineEnd), start) };
}

/** Where each character of a text is in the file; undefined where that cannot be said. */
function offsetsOf({ source, start, end, style }: Place, value: string): number[] | undefined {
  const raw = source.text.slice(start, end);
  switch (style) {
    case 'plain':
      return raw === value ? Array.from(value, (_each, at) => start + at) : undefined;
    case 'single':
    case 'double':
      return style === 'single'
        ? quoted(raw, start, value, /''|[^]/g, (each) => (each === "''" ? "'" : each))
        : quoted(raw, start, value, /\\(?:x..|u.{4}|U.{8}|.)|[^]/g, unescaped);
    case 'literal':
      return literal(source, start, value);
    case 'folded':
    case 'flow':
    case 'block':
      return undefined;
  }
}

function quoted(
  raw: string,
  start: number,
  value: string,
  parts: RegExp,
  read: (part: string) => string,
): number[] | undefined {
  const offsets: number[] = [];
  let text = '';
  let at = start + 1;
  for (const [part] of raw.slice(1, -1).matchAll(parts)) {
    const meant = read(part);
    text += meant;
    for (let unit = 0; unit < meant.length; unit += 1) offsets.push(at);
    at += part.length;
  }
  return text === value ? offsets : undefined;
}

const escapes: Readonly<Record<string, string>> = {
  ...{ '0': '\0', a: '\x07', b: '\b', t: '\t', n: '\n', v: '\v', f: '\f', r: '\r', e: '\x1b' },
  ...{ ' ': ' ', '"': '"', '/': '/', '\\': '\\', N: '\x85', _: '\xa0', L: '\u2028', P: '\u2029' },
};

function unescaped(part: string): string {
  if (part[0] !== '\\') return part;
  const letter = part[1] ?? '';
  if (part.length > 2) {
    const code = Number.parseInt(part.slice(2), 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : '';
  }
  return escapes[letter] ?? '';
}

/** The lines of a literal block, without their indent. */
function literal(source: Source, start: number, value: string): number[] | undefined {
  const offsets: number[] = [];
  const lines = value.split('\n');
  const first = source.position(start).line + 1;
  const indent = indentOf(source, first, lines);
  if (indent === undefined) return undefined;
  for (const [number, text] of lines.entries()) {
    const line = first + number;
    const written = source.lineText(line);
    if (text !== '' && written.slice(indent) !== text) return undefined;
    const begin = source.startOf(line) + indent;
    for (let at = 0; at < text.length; at += 1) offsets.push(begin + at);
    offsets.push(begin + text.length);
  }
  return offsets;
}

function indentOf(source: Source, first: number, lines: readonly string[]): number | undefined {
  const at = lines.findIndex((text) => text !== '');
  if (at === -1) return undefined;
  const text = lines[at] ?? '';
  const written = source.lineText(first + at);
  return written.endsWith(text) ? written.length - text.length : undefined;
}
