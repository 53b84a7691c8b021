-- breaking: no
-- Who may change a target. A lease is held exactly as long as a run that claims it under its present fence has not ended: the
-- transaction that writes down a run's end frees what it held, whichever release writes it.
CREATE TABLE runbook.leases (
  target text PRIMARY KEY,
  -- Counts the holders that the target has had.
  fence  integer NOT NULL DEFAULT 0
);

-- Every claim there ever was, so also the record of who took a target over from whom. Nested runs claim under the fence of
-- their root run, which is why a lease can have several.
CREATE TABLE runbook.lease_claims (
  run_no            bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  target            text NOT NULL REFERENCES runbook.leases,
  fence             integer NOT NULL,
  root_run          text NOT NULL,
  root_first_run_id text NOT NULL,
  since             timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Set when the run took the target from one that had not ended: who decided it, why, and the decision's id.
  taken_by          text,
  taken_because     text,
  decision          text,
  PRIMARY KEY (run_no, target, fence)
);
CREATE INDEX lease_claims_of_target ON runbook.lease_claims (target, fence);

-- Who waits, so that who came first goes first. Only those count that have asked lately.
CREATE TABLE runbook.lease_waits (
  run_no   bigint PRIMARY KEY REFERENCES runbook.runs ON DELETE CASCADE,
  targets  text[] NOT NULL,
  since    timestamptz NOT NULL DEFAULT clock_timestamp(),
  asked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
