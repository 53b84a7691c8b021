import pg from 'pg';
import { parseJson, type Json } from '../language/json.js';

/*
 * Values of PostgreSQL are kept exactly. Numbers that a double holds, booleans and JSON keep their
 * type; everything else is the text that PostgreSQL prints, in one form whatever the settings of
 * server and worker: times in UTC, `infinity`, `NaN`, all digits of numeric and bigint, bytea as
 * `\x` and hexadecimal digits.
 */

/** Session settings that give that text one form. */
export const sessionSettings: Readonly<Record<string, string>> = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  // Without it a list that is sent has the text NULL where it has null.
  array_nulls: 'on',
  // Where a string ends is then the same for everybody.
  standard_conforming_strings: 'on',
};

type Parser = (text: string) => Json;

const asText: Parser = (text) => text;
const truth: Parser = (text) => text === 't';

/** JSON has no Infinity or NaN, and a double no exact integers beyond ±(2^53-1). */
const number: Parser = (text) => {
  const value = Number(text);
  const isWhole = Number.isFinite(value) && Number.isInteger(value);
  return Number.isFinite(value) && (!isWhole || Number.isSafeInteger(value)) ? value : text;
};

/** The oids of a type and of the array of it, from pg_type.dat of PostgreSQL's sources. */
interface PgType {
  own: number;
  array: number;
  parser: Parser;
}

const pgTypes: Readonly<Record<string, PgType>> = {
  bool: { own: 16, array: 1000, parser: truth },
  int2: { own: 21, array: 1005, parser: number },
  int4: { own: 23, array: 1007, parser: number },
  oid: { own: 26, array: 1028, parser: number },
  float4: { own: 700, array: 1021, parser: number },
  float8: { own: 701, array: 1022, parser: number },
  json: { own: 114, array: 199, parser: parseJson },
  jsonb: { own: 3802, array: 3807, parser: parseJson },
  // Text as it is; listed for their arrays, which become lists.
  int8: { own: 20, array: 1016, parser: asText },
  numeric: { own: 1700, array: 1231, parser: asText },
  money: { own: 790, array: 791, parser: asText },
  text: { own: 25, array: 1009, parser: asText },
  varchar: { own: 1043, array: 1015, parser: asText },
  bpchar: { own: 1042, array: 1014, parser: asText },
  char: { own: 18, array: 1002, parser: asText },
  name: { own: 19, array: 1003, parser: asText },
  uuid: { own: 2950, array: 2951, parser: asText },
  date: { own: 1082, array: 1182, parser: asText },
  time: { own: 1083, array: 1183, parser: asText },
  timetz: { own: 1266, array: 1270, parser: asText },
  timestamp: { own: 1114, array: 1115, parser: asText },
  timestamptz: { own: 1184, array: 1185, parser: asText },
  interval: { own: 1186, array: 1187, parser: asText },
  bytea: { own: 17, array: 1001, parser: asText },
  inet: { own: 869, array: 1041, parser: asText },
  cidr: { own: 650, array: 651, parser: asText },
  macaddr: { own: 829, array: 1040, parser: asText },
};

const parsers = new Map<number, Parser>(
  Object.values(pgTypes).flatMap(({ own, array, parser }): [number, Parser][] => [
    [own, parser],
    [array, (text) => listOf(text, parser)],
  ]),
);

interface ArrayParser {
  create(text: string, read: (item: string | null) => Json): { parse(): Json };
}

/** An array, of any number of dimensions, as a list of lists. */
function listOf(text: string, parser: Parser): Json {
  const { arrayParser } = pg.types as unknown as { arrayParser: ArrayParser };
  return arrayParser.create(text, (item) => (item === null ? null : parser(item))).parse();
}

/** For `new Client({ types })`; a type that is not named above is text. */
export const types = {
  getTypeParser: (oid: number) => parsers.get(oid) ?? asText,
};
