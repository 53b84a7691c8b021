/*
 * The pipeline's database. The stages' tables have no unique key on purpose, as the tables of many
 * warehouses have none: a recovery that goes wrong must show as rows that are there twice.
 */
const rowColumns = `id bigserial PRIMARY KEY, dataset_id text NOT NULL, job_id text NOT NULL, batch integer NOT NULL, seq integer NOT NULL,
  distance integer, delay integer`;

export const tableOf = {
  extract: 'stage_extract',
  clean: 'stage_clean',
  transform: 'stage_transform',
  load: 'flights',
} as const;
export type Stage = keyof typeof tableOf;
export const stages = Object.keys(tableOf) as [Stage, ...Stage[]];

export const schema = `
CREATE TABLE IF NOT EXISTS processing_jobs (
  id text PRIMARY KEY, pipeline text NOT NULL, dataset_id text NOT NULL,
  status text NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'failed', 'stopped')),
  stage text, error_code text, error_message text, offending_record jsonb,
  resumed_stage text, resumed_batch integer, restarted_from text, restart_key text UNIQUE,
  pid integer, pid_started text, done_batches integer NOT NULL DEFAULT 0, done_rows bigint NOT NULL DEFAULT 0, batches integer,
  created_at timestamptz NOT NULL DEFAULT now(), started_at timestamptz, completed_at timestamptz
);
CREATE TABLE IF NOT EXISTS job_log (id bigserial PRIMARY KEY, job_id text NOT NULL, at timestamptz NOT NULL DEFAULT now(), level text NOT NULL, line text NOT NULL);
CREATE INDEX IF NOT EXISTS job_log_job ON job_log (job_id, id);
CREATE TABLE IF NOT EXISTS stage_extract (${rowColumns}, raw jsonb NOT NULL);
CREATE TABLE IF NOT EXISTS stage_clean (${rowColumns}, time double precision NOT NULL);
CREATE TABLE IF NOT EXISTS stage_transform (${rowColumns}, departure_minute integer NOT NULL);
CREATE TABLE IF NOT EXISTS flights (${rowColumns}, departure_minute integer NOT NULL);
${Object.values(tableOf)
  .map(
    (table) => `CREATE INDEX IF NOT EXISTS ${table}_batch ON ${table} (dataset_id, batch);
CREATE INDEX IF NOT EXISTS ${table}_seq ON ${table} (dataset_id, seq);`,
  )
  .join('\n')}
CREATE TABLE IF NOT EXISTS stage_rejects (id bigserial PRIMARY KEY, dataset_id text NOT NULL, job_id text NOT NULL, stage text NOT NULL, batch integer NOT NULL, seq integer NOT NULL, reason text NOT NULL);
CREATE INDEX IF NOT EXISTS stage_rejects_seq ON stage_rejects (dataset_id, seq);
CREATE TABLE IF NOT EXISTS checkpoints (
  id bigserial PRIMARY KEY, dataset_id text NOT NULL, job_id text NOT NULL, stage text NOT NULL, batch integer NOT NULL,
  rows_total bigint NOT NULL, sum_distance bigint NOT NULL, sum_delay bigint NOT NULL, key_checksum text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS checkpoints_stage ON checkpoints (dataset_id, stage, batch);
CREATE TABLE IF NOT EXISTS dead_letters (dataset_id text NOT NULL, seq integer NOT NULL, reason text NOT NULL, PRIMARY KEY (dataset_id, seq));
${['quarantine_rows', 'quarantine_checkpoints']
  .map(
    (table) => `CREATE TABLE IF NOT EXISTS ${table} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run text NOT NULL, stage text NOT NULL, "row" jsonb NOT NULL,
  quarantined_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS ${table}_run ON ${table} (run, stage);`,
  )
  .join('\n')}
`;

/** Every table, for a dataset that begins anew. */
export const tables = [
  'processing_jobs',
  'job_log',
  ...Object.values(tableOf),
  'stage_rejects',
  'checkpoints',
  'dead_letters',
  'quarantine_rows',
  'quarantine_checkpoints',
];
