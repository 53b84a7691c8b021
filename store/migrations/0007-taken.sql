-- breaking: no
-- A run that was started from a dead one: which results are that one's, and which of them were looked at again.
ALTER TABLE runbook.steps ADD COLUMN taken_from text;
ALTER TABLE runbook.runs
  ADD COLUMN probed text[] NOT NULL DEFAULT '{}',
  ADD COLUMN drifted text[] NOT NULL DEFAULT '{}';
