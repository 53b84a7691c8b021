-- breaking: no
-- What Temporal and the record are compared by. A run has several executions in Temporal, one after the other: a reset and a
-- continue-as-new begin another one.
ALTER TABLE runbook.runs
  -- The namespace, by its id: a name and an address may lead to another server one day, and no run may be taken for lost then.
  -- Null for runs that began under an earlier release.
  ADD COLUMN namespace_id text,
  -- Temporal's run id of the latest execution that has told of the run.
  ADD COLUMN execution text,
  -- When Temporal first asked for news of that execution: news of an earlier one is late news.
  ADD COLUMN execution_at timestamptz,
  -- Closed because Temporal knows the run no more. News of it then proves that it goes on after all.
  ADD COLUMN missing boolean NOT NULL DEFAULT false;

-- The execution for which an attempt runs: the same worker may be given the same step again by the next one.
ALTER TABLE runbook.attempts ADD COLUMN execution text;

-- Closed by the end of a run that has gone on since: the next news of this wait opens it again.
ALTER TABLE runbook.waits ADD COLUMN reopens boolean NOT NULL DEFAULT false;

-- What was running when a run ended without its worker: each host looks for what is its own.
CREATE INDEX attempts_open_at ON runbook.attempts (place) WHERE state = 'running';

-- Who compares the record with a namespace, and when that was done last.
CREATE TABLE runbook.watches (
  namespace_id text PRIMARY KEY,
  namespace    text NOT NULL,
  worker       text NOT NULL,
  looked_at    timestamptz NOT NULL DEFAULT now(),
  -- The id that the same name at the same address has today: the namespace itself is gone.
  replaced_by  text
);
