-- breaking: no
-- The bytes of files that steps use, by their digest: a plan names the digest. The same bytes are
-- kept once, however many runs have them.
CREATE TABLE runbook.files (
  digest  text PRIMARY KEY,
  content bytea NOT NULL
);

-- Digests of the files of the library that the run's runbooks were read from, by name. Null: a
-- release before this one admitted it.
ALTER TABLE runbook.runs ADD COLUMN sources json;
