import type pg from 'pg';
import type { Json, JsonObject } from '../language/json.js';
import type { StepFailure } from './failure.js';
import type { SqlQuery } from '../language/kinds/sql.js';
import { nextLists, openCursor } from './sql-cursor.js';

/*
 * Sets of keys of several databases, compared in the order that they all give: a page of each is
 * in memory, however many there are.
 */

/** A connection in an open transaction. */
export interface Reading {
  client: pg.Client;
  /** What an error of this connection means. */
  failed: (error: unknown) => StepFailure;
}

/** The columns of a key, as texts. */
type Key = readonly (string | null)[];

interface Entry {
  key: Key;
  batch: Json;
}

/**
 * Counts the keys that are in the same sets, by the batch that the first set gives: rows `{ SET:
 * boolean …, batch, keys }`.
 * @param open by which each query is read
 */
export async function countedKeys(
  sets: Readonly<Record<string, readonly SqlQuery[]>>,
  open: ReadonlyMap<SqlQuery, Reading>,
): Promise<Json> {
  const names = Object.keys(sets);
  const streams = Object.values(sets).flatMap((queries, place) =>
    queries.map((query) => new KeyStream(place, query, open.get(query) as Reading)),
  );
  const counts = new Map<string, JsonObject & { keys: number }>();
  for (const stream of streams) await stream.open();
  for (;;) {
    const heads = streams.flatMap(({ head }) => (head ? [head.key] : []));
    const [first, ...others] = heads;
    if (!first) break;
    const least = others.reduce((one, other) => (order(other, one) < 0 ? other : one), first);
    const having = streams.filter(({ head }) => head && order(head.key, least) === 0);
    const isIn = names.map((_, place) => having.some((stream) => stream.place === place));
    const batch = having.find(({ place }) => place === 0)?.head?.batch ?? null;
    const group = JSON.stringify([isIn, batch]);
    const count = counts.get(group);
    if (count) count.keys += 1;
    else {
      const named = Object.fromEntries(names.map((name, place) => [name, isIn[place] ?? false]));
      counts.set(group, { ...named, batch, keys: 1 });
    }
    for (const stream of having) if (!stream.step()) await stream.turnPage();
  }
  return [...counts.values()];
}

/** The keys of one query, a page at a time. */
class KeyStream {
  private page: readonly (readonly Json[])[] = [];
  private at = 0;
  /** The next key; undefined behind the last one. */
  head: Entry | undefined;

  constructor(
    /** The set that it belongs to. */
    readonly place: number,
    private readonly query: SqlQuery,
    private readonly reading: Reading,
  ) {}

  async open(): Promise<void> {
    await this.asked(openCursor(this.reading.client, this.query));
    await this.turnPage();
  }

  /** Goes on within the page. @returns false where it has ended */
  step(): boolean {
    this.at += 1;
    this.head = entryOf(this.page[this.at]);
    return this.head !== undefined;
  }

  async turnPage(): Promise<void> {
    this.page = await this.asked(nextLists(this.reading.client));
    this.at = 0;
    this.head = entryOf(this.page[0]);
  }

  /** Several connections are open: the error has to name its own. */
  private asked<T>(answer: Promise<T>): Promise<T> {
    return answer.catch((error: unknown) => {
      throw this.reading.failed(error);
    });
  }
}

function entryOf(row: readonly Json[] | undefined): Entry | undefined {
  if (!row) return undefined;
  const [batch = null, ...key] = row;
  return { key: key as Key, batch };
}

function order(one: Key, other: Key): number {
  for (const [at, text] of one.entries()) {
    const difference = orderOfTexts(text, other[at] ?? null);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** By their bytes in UTF-8, null first. */
function orderOfTexts(one: string | null, other: string | null): number {
  if (one === other) return 0;
  if (one === null) return -1;
  if (other === null) return 1;
  const end = Math.min(one.length, other.length);
  for (let at = 0; at < end; at += 1) {
    const difference = place(one.charCodeAt(at)) - place(other.charCodeAt(at));
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

/** Half a character stands for one beyond the others, although its number is lower. */
function place(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
