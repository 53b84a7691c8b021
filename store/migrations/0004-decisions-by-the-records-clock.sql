-- breaking: no
-- Which came first: a decision, or the end of an attempt.

-- By the clock of the record, as the ends of attempts are.
ALTER TABLE runbook.decisions
  ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT clock_timestamp();
UPDATE runbook.decisions SET recorded_at = judged_at;
