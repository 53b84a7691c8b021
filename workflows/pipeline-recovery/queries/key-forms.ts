/*
 * Keys of two databases are compared as text. One value has one text, whatever type of its class a
 * column has: a number without zeros at its end, a time in UTC, text without the blanks that pad
 * it.
 */

interface KeyForm {
  /** As `format_type` calls them. */
  types: readonly string[];
  /** The form of a value that is given as text; both are SQL. */
  form: (text: string) => string;
}

const forms = {
  number: {
    types: ['smallint', 'integer', 'bigint', 'numeric'],
    form: (text) => `trim_scale(${text}::numeric)::text`,
  },
  time: {
    types: ['date', 'timestamp without time zone', 'timestamp with time zone'],
    form: (text) => `${text}::timestamptz::text`,
  },
  text: { types: ['text', 'character varying', 'character', 'name'], form: (text) => text },
  uuid: { types: ['uuid'], form: (text) => text },
  boolean: { types: ['boolean'], form: (text) => text },
  bytea: { types: ['bytea'], form: (text) => text },
} satisfies Record<string, KeyForm>;

/** What keys of two databases may be, for people. */
export const comparableTypes = Object.values(forms)
  .flatMap(({ types }) => types)
  .join(', ');

/**
 * What keys of this type can be compared with, across databases; undefined: with nothing.
 * @param type without its length
 */
export function keyClass(type: string): string | undefined {
  const all: [string, KeyForm][] = Object.entries(forms);
  return all.find(([, { types }]) => types.includes(type))?.[0];
}

/** The column in the form that is the same in every database: SQL. */
export function comparableKey(column: string): string {
  const text = `${column}::text`;
  const cases = [forms.number, forms.time].map(({ types, form }) => {
    const list = types.map((type) => `'${type}'::regtype`).join(', ');
    return `WHEN pg_typeof(${column}) IN (${list}) THEN ${form(text)}`;
  });
  return `(CASE ${cases.join(' ')} ELSE ${text} END COLLATE "C")`;
}
