import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** A record as the source delivers it: real flights, with real dirt. */
export interface SourceRecord {
  /**
   * Place in the source, from 1: the key. A repeated record has the key of the one that it repeats.
   */
  seq: number;
  distance: number | string | null;
  delay: number | string | null;
  time: number;
}

/** What a clean run of these records ends with. */
export interface Summary {
  rows: number;
  sumDistance: string;
  sumDelay: string;
  checksum: string;
  duplicates: number;
  missing: number;
}

/** Where the dirt is, so that everybody can know it. */
const malformedEvery = 5_003;
const repeatedEvery = 7_001;

/**
 * Flights of the United States in 2001, from npm's vega-datasets (flights-200k.json, 231,083
 * records), in their order, with malformed and repeated records at known places.
 * @param limit records of the source to read
 */
export function readSource(limit = Number.POSITIVE_INFINITY): SourceRecord[] {
  const file = createRequire(import.meta.url).resolve('vega-datasets/data/flights-200k.json');
  const flights = JSON.parse(readFileSync(file, 'utf8')) as {
    delay: number;
    distance: number;
    time: number;
  }[];
  const records: SourceRecord[] = [];
  for (const [index, { distance, delay, time }] of flights
    .slice(0, Math.min(limit, flights.length))
    .entries()) {
    const seq = index + 1;
    const malformed = seq % malformedEvery === 0;
    const record: SourceRecord = malformed
      ? {
          seq,
          distance: seq % 2 === 0 ? 'n/a' : distance,
          delay: seq % 2 === 0 ? delay : null,
          time,
        }
      : { seq, distance, delay, time };
    records.push(record);
    if (seq % repeatedEvery === 0) records.push({ ...record });
  }
  return records;
}

export function isWellFormed(
  record: SourceRecord,
): record is SourceRecord & { distance: number; delay: number } {
  return Number.isInteger(record.distance) && Number.isInteger(record.delay);
}

/** The end state of a clean run, computed from the source alone, without the database. */
export function truthOf(
  records: readonly SourceRecord[],
  deadLetters: ReadonlySet<number> = new Set(),
): Summary {
  const seen = new Set<number>();
  let [distance, delay, checksum] = [0n, 0n, 0n];
  for (const record of records) {
    if (!isWellFormed(record) || seen.has(record.seq) || deadLetters.has(record.seq)) continue;
    seen.add(record.seq);
    distance += BigInt(record.distance);
    delay += BigInt(record.delay);
    checksum += rowHash(record);
  }
  return {
    rows: seen.size,
    sumDistance: String(distance),
    sumDelay: String(delay),
    checksum: String(checksum),
    duplicates: 0,
    missing: 0,
  };
}

/** The same 60 bits that `rowHashSql` computes; sums of them do not depend on the order of rows. */
export function rowHash({
  seq,
  distance,
  delay,
}: {
  seq: number;
  distance: number;
  delay: number;
}): bigint {
  return BigInt(
    `0x${createHash('md5').update(`${seq}:${distance}:${delay}`).digest('hex').slice(0, 15)}`,
  );
}

export const rowHashSql =
  "('x' || substr(md5(seq || ':' || coalesce(distance::text, '') || ':' || " +
  "coalesce(delay::text, '')), 1, 15))::bit(60)::bigint";
