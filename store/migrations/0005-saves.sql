-- breaking: no
-- How often the present execution of the run has told how it stands: what comes with a lower number is late.
ALTER TABLE runbook.runs ADD COLUMN saves integer NOT NULL DEFAULT 0;
