-- breaking: no
-- An attempt is the claim to a step's effect. Each worker that takes it over raises the fence, so that whatever the worker
-- before still writes is refused.
ALTER TABLE runbook.attempts
  ADD COLUMN fence integer NOT NULL DEFAULT 1,
  -- Host, boot and process namespace where the attempt's command runs: only there its end can be known.
  ADD COLUMN place text;
