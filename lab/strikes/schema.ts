/*
 * Names as people give them who draw tables first: upper case, spaces, a schema of their own. No
 * table knows datasets, and no batch is one transaction.
 */

/** The steps in their order, with their tables and the columns of these. */
export const steps = {
  received: { table: 'Report Lines', key: 'Report No', cost: 'Cost Total $', speed: 'Speed (kn)' },
  named: { table: 'named', key: 'report', cost: 'cost', speed: 'speed' },
  booked: { table: 'Strikes', key: 'No', cost: 'Damage', speed: 'Speed (kn)' },
} as const;
export type Step = keyof typeof steps;
export const stepNames = Object.keys(steps) as Step[];

export function tableOf(step: Step): string {
  return `wildlife."${steps[step].table}"`;
}

const kept = `(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run text NOT NULL, stage text NOT NULL, "row" jsonb NOT NULL,
  quarantined_at timestamptz NOT NULL DEFAULT now())`;

export const schema = `
DROP SCHEMA IF EXISTS wildlife CASCADE;
CREATE SCHEMA wildlife;
CREATE TABLE wildlife."Report Lines" ("Report No" text NOT NULL, "Chunk" integer NOT NULL, "Cost Total $" integer NOT NULL, "Speed (kn)" integer, "Species" text NOT NULL);
CREATE TABLE wildlife.named (report text NOT NULL, "Chunk" integer NOT NULL, cost numeric(12, 2) NOT NULL, speed smallint);
CREATE TABLE wildlife."Strikes" ("No" text NOT NULL, "Chunk" integer NOT NULL, "Damage" bigint NOT NULL, "Speed (kn)" integer);
CREATE TABLE wildlife.left_out (report text NOT NULL, step text NOT NULL, why text NOT NULL);
CREATE TABLE wildlife."Skip" ("Report No" text PRIMARY KEY, "Why" text NOT NULL);
CREATE TABLE wildlife."Done" ("Step" text NOT NULL, "Chunk" integer NOT NULL, "Rows" integer NOT NULL, "Cost" numeric, "Speed" bigint, "At" timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE SCHEMA IF NOT EXISTS safe;
DROP TABLE IF EXISTS safe.rows, safe.claims;
CREATE TABLE safe.rows ${kept};
CREATE TABLE safe.claims ${kept};
`;
