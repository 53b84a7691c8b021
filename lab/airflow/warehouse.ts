import type pg from 'pg';
import { schema, steps, tableOf, type Step } from '../strikes/schema.js';
import { readStrikes, totalsOf, type Strike, type Totals } from '../strikes/source.js';
import { withClient } from '../with-client.js';

/** Reports of the source that are loaded. */
const reports = 2_000;

/** What a task does in a chunk, behind so many rows of it: once, or `slow` every time. */
export interface Fault {
  step: Step | 'part' | 'days' | 'others' | 'sums' | 'check' | 'mark';
  chunk: number;
  rows: number;
  kind: 'kill' | 'raise' | 'slow';
}

const ours = `
DROP SCHEMA IF EXISTS lab CASCADE;
CREATE SCHEMA lab;
CREATE TABLE lab.reports (number int PRIMARY KEY, report text NOT NULL, species text NOT NULL,
  cost int NOT NULL, speed int);
CREATE TABLE lab.faults (id int GENERATED ALWAYS AS IDENTITY, step text NOT NULL,
  chunk int NOT NULL, rows int NOT NULL, kind text NOT NULL);
CREATE TABLE lab.poison (report text NOT NULL);
CREATE TABLE lab.totals (rows bigint, cost numeric);
CREATE TABLE lab.parts (report text NOT NULL, part int NOT NULL);
CREATE TABLE lab.gathered (report text NOT NULL);
CREATE TABLE lab.arrived (report text NOT NULL);
CREATE TABLE lab.marked (report text NOT NULL, code text NOT NULL);
CREATE VIEW lab.reports_by_day AS SELECT (1 + number % 10)::text AS day, report FROM lab.reports;
CREATE TABLE lab.days (day text NOT NULL, report text NOT NULL);
CREATE TABLE lab.others (day text NOT NULL, report text NOT NULL);
CREATE TABLE lab.sums (day text NOT NULL, report text NOT NULL);
CREATE TABLE lab.closed (dag text NOT NULL, day text NOT NULL);
CREATE TABLE lab.work (id int GENERATED ALWAYS AS IDENTITY, dag text NOT NULL, day text NOT NULL,
  began timestamptz NOT NULL DEFAULT clock_timestamp(), ended timestamptz);`;

/** The data that the DAG works on: its source, its stages, and what goes wrong. */
export class StrikesWarehouse {
  readonly source: readonly Strike[] = readStrikes(reports);

  constructor(private readonly databaseUrl: string) {}

  /** The source as it is, empty stages, no faults. */
  async reset(): Promise<void> {
    await this.query(schema + ours);
    const { source } = this;
    await this.query(
      `INSERT INTO lab.reports SELECT n, r, s, c, k
       FROM unnest($1::text[], $2::text[], $3::int[], $4::int[])
         WITH ORDINALITY AS each (r, s, c, k, n)`,
      [
        source.map((row) => row.report),
        source.map((row) => row.species),
        source.map((row) => row.cost),
        source.map((row) => row.speed),
      ],
    );
  }

  async fail({ step, chunk, rows, kind }: Fault): Promise<void> {
    await this.query('INSERT INTO lab.faults (step, chunk, rows, kind) VALUES ($1, $2, $3, $4)', [
      ...[step, chunk, rows, kind],
    ]);
  }

  truth(skipped: readonly string[] = []): Totals {
    return totalsOf(this.source, skipped);
  }

  /** The last stage and what the last task made of it, by SQL of our own. */
  async found(skipped: readonly string[] = []): Promise<Totals> {
    const { key, speed } = steps.booked;
    const [found] = await this.query<{ rows: number; keys: number; speed: number; cost: number }>(
      `SELECT count(*)::int AS rows, count(DISTINCT "${key}")::int AS keys,
              coalesce(sum("${speed}"), 0)::int AS speed,
              coalesce((SELECT sum(cost) FROM lab.totals), 0)::int AS cost
       FROM ${tableOf('booked')}`,
    );
    const { rows = 0, keys = 0, speed: knots = 0, cost = 0 } = found ?? {};
    const lost = this.truth(skipped).rows - keys;
    return { rows, cost, speed: knots, twice: rows - keys, lost };
  }

  async query<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    return withClient(this.databaseUrl, async (client) => {
      return (await client.query<T>(text, values)).rows;
    });
  }
}
