-- breaking: no
-- What each worker tells of itself at every look: how far its clock is from this one, and what room its journals have.
CREATE TABLE runbook.workers (
  worker         text PRIMARY KEY,
  host           text NOT NULL,
  told_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Negative: its clock is behind.
  clock_ahead_ms double precision NOT NULL,
  journals       json NOT NULL
);
