import type { Json } from '../language/json.js';
import { patternsOf, type Pattern } from './secret-forms.js';

/** A place in a pattern where a match may begin. */
interface Start {
  name: string;
  pattern: Pattern;
  unit: number;
}

interface Found {
  /** Where the longest match ends; 0 when there is none. */
  end: number;
  name: string;
  /** Could more text change or extend the match? */
  open: boolean;
}

/**
 * No form of a secret is shorter: a position that starts with no known three characters is skipped.
 */
const gramLength = 3;
/** In characters; longer texts get a buffer of their own. */
const maxScratch = 1024 * 1024;

/** Replaces secret values, and their common encodings, by their names. */
export class Redactor {
  private readonly starts: Start[] = [];
  private index: Index | undefined;

  add(name: string, value: string): void {
    for (const pattern of patternsOf(value))
      for (const unit of pattern.starts) this.starts.push({ name, pattern, unit });
    this.index = undefined;
  }

  text(text: string): string {
    if (this.starts.length === 0) return text;
    return this.sweep(text, { covered: 0, name: '' }, true).clean;
  }

  json(value: Json): Json {
    if (this.starts.length === 0) return value;
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number') {
      const shown = this.text(String(value));
      return shown === String(value) ? value : shown;
    }
    if (Array.isArray(value)) return value.map((each) => this.json(each));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [this.text(key), this.json(each)]),
    );
  }

  /** For text that arrives in pieces. */
  stream(): StreamRedactor {
    return new StreamRedactor((text, before, last) => this.sweep(text, before, last));
  }

  /**
   * Matches are replaced from left to right, the longest first; where two overlap, both are.
   * @param before the part of the beginning that was already replaced
   * @param last true at the end of the text; otherwise a possible match is left for the next sweep
   */
  private sweep(text: string, before: Covered, last: boolean): Swept {
    this.index ??= new Index(this.starts);
    const { known, starts: byHash } = this.index;
    const { length } = text;
    let clean = '';
    let from = before.covered;
    let { name } = before;
    let at = 0;
    const grams = length - gramLength + 1;
    if (this.starts.length === 0) at = length;
    // This loop sees every character that a command prints; an array is read several times as fast
    // as a string.
    const codes = at < length ? codesOf(text) : noCodes;
    for (; at < length; at += 1) {
      const hash =
        (((codes[at] as number) << 10) ^
          ((codes[at + 1] as number) << 5) ^
          (codes[at + 2] as number)) &
        hashMask;
      if (at < grams && known[hash] === 0) continue;
      const starts = at < grams ? byHash.get(hash) : last ? none : this.starts;
      if (starts === undefined) continue;
      const found = longest(starts, text, at);
      if (found.open && !last) break;
      if (found.end <= from) continue;
      if (at >= from) clean += `${text.slice(from, at)}[secret ${found.name}]`;
      else if (found.name !== name) clean += `[secret ${found.name}]`;
      ({ end: from, name } = found);
    }
    // Never emit half of a surrogate pair.
    if (!last && at === length && isHigh(text.charCodeAt(at - 1))) at -= 1;
    if (from < at) clean += text.slice(from, at);
    return { clean, rest: text.slice(at), covered: Math.max(0, from - at), name };
  }
}

interface Covered {
  /** Characters at the beginning that a match has replaced already. */
  covered: number;
  /** Of which secret. */
  name: string;
}

interface Swept extends Covered {
  clean: string;
  /** What may become a match with more text. */
  rest: string;
}

/**
 * Redacts a text that arrives in pieces, cut anywhere. A possible beginning of a secret is held
 * back until it is decided; that is never more than the longest form of a secret.
 */
export class StreamRedactor {
  private state: Swept = { clean: '', rest: '', covered: 0, name: '' };

  constructor(private readonly sweep: (text: string, before: Covered, last: boolean) => Swept) {}

  write(piece: string): string {
    this.state = this.sweep(this.state.rest + piece, this.state, false);
    return this.state.clean;
  }

  end(): string {
    const { clean } = this.sweep(this.state.rest, this.state, true);
    this.state = { clean: '', rest: '', covered: 0, name: '' };
    return clean;
  }
}

const none: readonly Start[] = [];

const noCodes = new Uint16Array(0);
/** Reused: most texts are pieces of the same size. */
let scratch = new Uint16Array(64 * 1024);

/** The text's characters as numbers, and at least two more; valid until the next call. */
function codesOf(text: string): Uint16Array {
  const needed = text.length + gramLength;
  const codes = needed <= scratch.length ? scratch : new Uint16Array(needed);
  if (needed <= maxScratch) scratch = codes;
  Buffer.from(codes.buffer).write(text, 'utf16le');
  return codes;
}

/** Finds quickly where a match may begin: by the first three characters. */
class Index {
  /** 1 for each known hash: most text is skipped without a lookup in the map. */
  readonly known: Uint8Array;
  readonly starts = new Map<number, Start[]>();

  constructor(starts: readonly Start[]) {
    this.known = new Uint8Array(starts.length === 0 ? 1 : hashMask + 1);
    for (const start of starts) {
      for (const hash of new Set([...gramsOf(start)].map(hashOf))) {
        this.known[hash] = 1;
        const same = this.starts.get(hash);
        if (same) same.push(start);
        else this.starts.set(hash, [start]);
      }
    }
  }
}

/** Small enough for the processor's L1 cache. */
const hashMask = (1 << 15) - 1;

function hashOf(gram: string): number {
  return ((gram.charCodeAt(0) << 10) ^ (gram.charCodeAt(1) << 5) ^ gram.charCodeAt(2)) & hashMask;
}

/** The three characters that a match may begin with. */
function gramsOf({ pattern: { units }, unit: first }: Start): Set<string> {
  const grams = new Set<string>();
  let begun = new Map([['', true]]);
  for (let unit = first; begun.size > 0 && unit < units.length; unit += 1) {
    const next = new Map<string, boolean>();
    const { texts, optional } = units[unit] as Pattern['units'][number];
    for (const before of begun.keys()) {
      if (optional) next.set(before, true);
      for (const text of [...texts.values()].flat()) {
        const after = before + text;
        if (after.length >= gramLength) grams.add(after.slice(0, gramLength));
        else next.set(after, true);
      }
    }
    begun = next;
  }
  return grams;
}

function longest(starts: readonly Start[], text: string, at: number): Found {
  const found: Found = { end: 0, name: '', open: false };
  for (const start of starts) {
    const { end, open } = matched(start, text, at);
    if (open) found.open = true;
    if (end > found.end) Object.assign(found, { end, name: start.name });
  }
  return found;
}

/** How far the pattern matches: all alternatives in parallel, unit by unit. */
function matched(
  { pattern: { units, ends }, unit: first }: Start,
  text: string,
  at: number,
): { end: number; open: boolean } {
  let end = 0;
  let open = false;
  let places = [at];
  for (let number = first; number < units.length; number += 1) {
    const next: number[] = [];
    const { texts, optional } = units[number] as Pattern['units'][number];
    for (const place of places) {
      if (optional) next.push(place);
      if (place >= text.length) open = true;
      for (const form of texts.get(text.charCodeAt(place)) ?? []) {
        const after = place + form.length;
        if (after > text.length) open ||= form.startsWith(text.slice(place));
        else if ((form.length === 1 || text.startsWith(form, place)) && !next.includes(after))
          next.push(after);
      }
    }
    if (next.length === 0) break;
    if (ends.has(number + 1)) end = Math.max(end, ...next);
    places = next;
  }
  return { end, open };
}

function isHigh(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
