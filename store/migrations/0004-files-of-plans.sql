-- breaking: no
-- The bytes of files that steps use, by their digest: a plan names the digest. The same bytes are
-- kept once, however many runs have them.
CREATE TABLE runbook.files (
  digest  text PRIMARY KEY,
  content bytea NOT NULL
);

-- Digests of the library's runbooks that the run was made from, by id. Null: none, or a release
-- before this one admitted it.
ALTER TABLE runbook.runs ADD COLUMN library json;
