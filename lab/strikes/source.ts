import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** A reported strike, as the source has it. */
export interface Strike {
  /** Its key, such as `BS-00017`. */
  report: string;
  species: string;
  cost: number;
  /** In knots; null where nobody has told. */
  speed: number | null;
}

/** What a run without failures ends with. */
export interface Totals {
  rows: number;
  cost: number;
  speed: number;
  twice: number;
  lost: number;
}

/** Nobody can name the animal: the second step leaves the report out. */
export const unnamed = 'Unknown bird or bat';

/**
 * Collisions of birds with aircraft in the United States, from npm's vega-datasets
 * (birdstrikes.csv, 10,000 reports), in their order.
 */
export function readStrikes(limit: number): Strike[] {
  const file = createRequire(import.meta.url).resolve('vega-datasets/data/birdstrikes.csv');
  const [head = '', ...lines] = readFileSync(file, 'utf8').trimEnd().split(/\r?\n/);
  const columns = fieldsOf(head);
  const [species, cost, speed] = ['Wildlife Species', 'Cost Total $', 'Speed IAS in knots'].map(
    (name) => columns.indexOf(name),
  ) as [number, number, number];
  return lines.slice(0, limit).map((line, index) => {
    const fields = fieldsOf(line);
    return {
      report: `BS-${String(index + 1).padStart(5, '0')}`,
      species: fields[species] ?? '',
      cost: Number(fields[cost]),
      speed: fields[speed] === '' ? null : Number(fields[speed]),
    };
  });
}

/** The end state, computed from the source alone. */
export function totalsOf(strikes: readonly Strike[], skipped: readonly string[] = []): Totals {
  const kept = strikes.filter(
    ({ species, report }) => species !== unnamed && !skipped.includes(report),
  );
  return {
    rows: kept.length,
    cost: kept.reduce((sum, { cost }) => sum + cost, 0),
    speed: kept.reduce((sum, { speed }) => sum + (speed ?? 0), 0),
    twice: 0,
    lost: 0,
  };
}

/** The fields of a line of CSV; in quotes a comma is text. */
function fieldsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'),
  );
}
