-- breaking: no
-- An attempt is the claim to a step's effect. Each worker that takes it over raises the fence, so that whatever the worker
-- before still writes is refused.
ALTER TABLE runbook.attempts
  ADD COLUMN fence integer NOT NULL DEFAULT 1,
  -- Host, boot and process namespace where the attempt's command runs: only there its end can be known.
  ADD COLUMN place text,
  -- What proves the outcome when the worker dies in between: of SQL, the server's identity and the transaction's id.
  ADD COLUMN evidence json;
