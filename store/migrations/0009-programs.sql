-- breaking: no
-- What attempts ran, by path and content, and which programs were not the same any more within a run.
-- Null for attempts and runs of earlier releases.
ALTER TABLE runbook.attempts ADD COLUMN programs json;
ALTER TABLE runbook.runs ADD COLUMN programs_changed json;
