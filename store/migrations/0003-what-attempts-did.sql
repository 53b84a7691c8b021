-- breaking: no
-- What an attempt was asked to do, as lines for people. It is written when the attempt begins, so it
-- is there whatever becomes of the attempt. Null: a release before this one began it.
ALTER TABLE runbook.attempts ADD COLUMN does json;
