-- breaking: no
-- What the worker answered, by digest: a run names what it builds on, and begins nothing when the record has another answer.
-- Null for attempts of earlier releases.
ALTER TABLE runbook.attempts ADD COLUMN digest text;
