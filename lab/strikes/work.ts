import type pg from 'pg';
import { stepNames, steps, tableOf, type Step } from './schema.js';
import { unnamed, type Strike } from './source.js';

/** In this chunk, after so many rows of it. */
export interface Place {
  step: Step;
  chunk: number;
  rows: number;
}

/** What goes wrong in the next run. */
export interface StrikeFaults {
  /** The database ends the connection in this chunk, after so many rows of it. */
  cutAt?: Place;
  /** The work stands still at this place until its service dies. */
  holdsAt?: Place;
  /** The step cannot digest this report. */
  poison?: string;
  /** Milliseconds that every chunk takes longer. */
  slowMs?: number;
}

/** A report that a step cannot digest. */
export class BadRow extends Error {
  constructor(
    message: string,
    readonly row: object,
  ) {
    super(message);
  }
}

interface Row {
  key: string;
  cost: string;
  speed: number | null;
}

/** Rows are written in pieces, each by itself: a chunk that is cut off stays half written. */
const piece = 20;

/**
 * Does one chunk of one step, and claims it when it is done.
 * @param of the connection to the database of a step's table; claims are where the first step is
 * @param standStill ends with the life of the service
 */
export async function doChunk(
  of: (step: Step) => pg.Client,
  { step, chunk }: { step: Step; chunk: number },
  strikes: readonly Strike[],
  faults: StrikeFaults,
  standStill: () => Promise<never>,
): Promise<void> {
  const client = of(step);
  const isAt = (place: Place | undefined, rows: number): boolean =>
    place?.step === step && place.chunk === chunk && rows >= place.rows;
  const rows =
    step === 'received' ? undefined : await rowsBefore(of('named'), step, chunk, faults.poison);
  const { table, key, cost, speed } = { ...steps[step], table: tableOf(step) };
  const species = step === 'received' ? ', "Species"' : '';
  const all =
    rows ?? strikes.map((each) => ({ ...each, key: each.report, cost: String(each.cost) }));
  for (let at = 0; at < all.length; at += piece) {
    if (isAt(faults.cutAt, at)) await client.query('SELECT pg_terminate_backend(pg_backend_pid())');
    if (isAt(faults.holdsAt, at)) await standStill();
    const slice = all.slice(at, at + piece);
    const lists = [
      slice.map((row) => row.key),
      slice.map((row) => row.cost),
      slice.map((row) => row.speed),
    ];
    const names = slice.map((row) => ('species' in row ? row.species : ''));
    await client.query(
      `INSERT INTO ${table} ("${key}", "Chunk", "${cost}", "${speed}"${species})
       SELECT k, $1, c, s${species && ', n'} FROM unnest($2::text[], $3::numeric[], $4::int[], $5::text[]) AS each (k, c, s, n)`,
      [chunk, ...lists, names],
    );
  }
  // What it meant to write, not what is there: a claim that can be wrong.
  await of('received').query(
    'INSERT INTO wildlife."Done" ("Step", "Chunk", "Rows", "Cost", "Speed") ' +
      'VALUES ($1, $2, $3, $4, $5)',
    [
      step,
      chunk,
      all.length,
      all.length === 0 ? null : all.reduce((sum, row) => sum + Number(row.cost), 0),
      all.reduce((sum, row) => sum + (row.speed ?? 0), 0),
    ],
  );
}

/** The rows of the step before, without those that this step leaves out. */
async function rowsBefore(
  client: pg.Client,
  step: Step,
  chunk: number,
  poison: string | undefined,
): Promise<Row[]> {
  const before = stepNames[stepNames.indexOf(step) - 1] ?? 'received';
  const { key, cost, speed } = steps[before];
  const species = before === 'received' ? '"Species"' : `''`;
  const { rows } = await client.query<Row & { species: string }>(
    `SELECT b."${key}" AS key, b."${cost}"::text AS cost, b."${speed}"::int AS speed, ${species} AS species
       FROM ${tableOf(before)} b WHERE "Chunk" = $1 AND NOT EXISTS (SELECT 1 FROM wildlife."Skip" s WHERE s."Report No" = b."${key}") ORDER BY 1`,
    [chunk],
  );
  const bad = step === 'booked' ? rows.find((row) => row.key === poison) : undefined;
  if (bad)
    throw new BadRow(`report ${bad.key} has no damage that can be booked`, {
      'Report No': bad.key,
    });
  const left = rows.filter((row) => row.species === unnamed).map((row) => row.key);
  await client.query(`DELETE FROM wildlife.left_out WHERE step = $1 AND report = ANY ($2)`, [
    step,
    left,
  ]);
  await client.query(
    "INSERT INTO wildlife.left_out (report, step, why) SELECT r, $1, 'nobody has named it' " +
      'FROM unnest($2::text[]) r',
    [step, left],
  );
  return rows.filter((row) => row.species !== unnamed);
}
