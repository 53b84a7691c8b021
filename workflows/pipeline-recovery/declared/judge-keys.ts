import { comparableTypes, keyClass } from '../queries/key-forms.js';
import type { FoundColumn, FoundTable } from './catalog.js';
import type { Finding } from './finding.js';
import { placeWords, type Place } from './places.js';

/** A column of a key, as it is compared. */
interface KeyColumn {
  place: Place;
  column: FoundColumn;
}

/**
 * Keys are compared column by column: types that PostgreSQL does not compare, and types of which
 * two databases have no common form.
 */
export function keyFindings(found: readonly { place: Place; table: FoundTable }[]): Finding[] {
  const keyed = found.filter(({ place }) => place.key !== undefined);
  const isApart = new Set(keyed.map(({ place }) => place.connection)).size > 1;
  const [first] = keyed;
  return (first?.place.key ?? []).flatMap((_, at) => {
    const columns = keyed.flatMap(({ place, table }): KeyColumn[] => {
      const column = table.columns.find(({ name }) => name === place.key?.[at]);
      // One that is not there is a finding of its own.
      return column ? [{ place, column }] : [];
    });
    return isApart ? apart(columns) : together(columns);
  });
}

/** In one database: PostgreSQL has no comparison between its categories of types. */
function together([first, ...others]: readonly KeyColumn[]): Finding[] {
  if (!first) return [];
  // Z is that of "char", which is text.
  const kind = ({ column: { category } }: KeyColumn): string => (category === 'Z' ? 'S' : category);
  return others
    .filter((other) => kind(other) !== kind(first))
    .map((other) => differing(other, first));
}

function apart([first, ...others]: readonly KeyColumn[]): Finding[] {
  if (!first) return [];
  const all = [first, ...others];
  const incomparable = all.filter(
    ({ column }) => column.folds === true || keyClass(plainType(column)) === undefined,
  );
  if (incomparable.length > 0)
    return incomparable.map(({ place, column }) => ({
      weight: 'wrong',
      what: place.what,
      found:
        `${words({ place, column })}${foldingWords(column)}, ` +
        'and such keys cannot be compared over several databases',
      fix:
        `Name a key of other columns: ${comparableTypes}; ` +
        'or keep what is compared in one database.',
    }));
  const kind = ({ column }: KeyColumn): string | undefined => keyClass(plainType(column));
  return others
    .filter((other) => kind(other) !== kind(first))
    .map((other) => differing(other, first));
}

function differing(other: KeyColumn, first: KeyColumn): Finding {
  return {
    weight: 'wrong',
    what: other.place.what,
    found: `${words(other)}, and ${words(first)}: their keys cannot be compared`,
    fix: 'Name columns of types that can be compared, in the same order.',
  };
}

function foldingWords({ folds }: FoundColumn): string {
  return folds === true ? ' with a collation that takes different texts for equal' : '';
}

function words({ place, column: { name, type } }: KeyColumn): string {
  return `column ${name} of ${placeWords(place)} is ${type}`;
}

/** `numeric(12,2)` and `timestamp(3) with time zone` without their lengths. */
function plainType({ type }: FoundColumn): string {
  return type.replace(/\(\d+(,\d+)?\)/, '');
}
