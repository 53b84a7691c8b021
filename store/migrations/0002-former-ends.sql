-- breaking: no
-- An ended run may go on: somebody resets it in Temporal. Its end was told to people by then, so it
-- is kept as it was. A trigger does it, whichever release writes the run.

CREATE TABLE runbook.former_ends (
  run_no    bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  number    integer NOT NULL,
  state     text NOT NULL,
  ended_at  timestamptz NOT NULL,
  outputs   json NOT NULL,
  problem   json,
  -- When it was no end any more, and the execution that wrote over it.
  over_at   timestamptz NOT NULL,
  execution text,
  -- reset: a later execution goes on. missed: Temporal has the run after all. replaced: the same
  -- execution told of another end.
  why       text NOT NULL,
  -- What Temporal says of the reset. Null: not asked yet. Empty: it does not say.
  reason    text,
  PRIMARY KEY (run_no, number)
);
CREATE INDEX former_ends_unexplained ON runbook.former_ends (run_no)
  WHERE why = 'reset' AND reason IS NULL;
CREATE INDEX former_ends_newest ON runbook.former_ends (over_at);

CREATE FUNCTION runbook.keep_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO runbook.former_ends
    (run_no, number, state, ended_at, outputs, problem, over_at, execution, why)
  SELECT OLD.no,
         1 + coalesce((SELECT max(number) FROM runbook.former_ends WHERE run_no = OLD.no), 0),
         OLD.state, OLD.ended_at, OLD.outputs, OLD.problem,
         CASE WHEN NEW.execution IS DISTINCT FROM OLD.execution
           THEN coalesce(NEW.execution_at, clock_timestamp()) ELSE clock_timestamp() END,
         NEW.execution,
         CASE WHEN NEW.ended_at IS NOT NULL THEN 'replaced'
              WHEN OLD.missing THEN 'missed'
              ELSE 'reset' END;
  RETURN NEW;
END $$;

CREATE TRIGGER keep_end BEFORE UPDATE ON runbook.runs FOR EACH ROW
  WHEN (OLD.ended_at IS NOT NULL
    AND (NEW.ended_at IS DISTINCT FROM OLD.ended_at OR NEW.state <> OLD.state
      OR NEW.outputs::text <> OLD.outputs::text
      OR NEW.problem::text IS DISTINCT FROM OLD.problem::text))
  EXECUTE FUNCTION runbook.keep_end();
