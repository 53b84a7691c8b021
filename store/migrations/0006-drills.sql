-- breaking: no
-- A drill is a run that practises: it is told apart from the runs that were meant, and what it reached is kept.
ALTER TABLE runbook.runs
  ADD COLUMN drill boolean NOT NULL DEFAULT false,
  ADD COLUMN recovery json;
CREATE INDEX runs_drills ON runbook.runs (runbook, started_at DESC) WHERE drill;
