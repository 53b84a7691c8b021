-- breaking: no
-- The record of runs. It lives in a schema of its own, so that a database shared with other programs stays tidy.
-- Columns of type json (not jsonb) keep the order in which people wrote and were shown the data; nothing queries inside them.

CREATE TABLE runbook.runs (
  no              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run             text NOT NULL,
  first_run_id    text NOT NULL,
  runbook         text NOT NULL,
  runbook_version text NOT NULL,
  title           text NOT NULL,
  type            text NOT NULL,
  priority        text NOT NULL,
  targets         text[] NOT NULL DEFAULT '{}',
  state           text NOT NULL,
  plan_digest     text NOT NULL,
  requester       text NOT NULL,
  reason          text NOT NULL,
  started_at      timestamptz NOT NULL,
  -- Set exactly when the state is one from which a run does not move again.
  ended_at        timestamptz,
  ui_url          text,
  inputs          json NOT NULL,
  outputs         json NOT NULL DEFAULT '{}',
  problem         json,
  plan            json,
  envelope        json,
  saved_at        timestamptz NOT NULL DEFAULT now(),
  -- A workflow id may be used again after Temporal forgot it: that is another run.
  UNIQUE (run, first_run_id)
);
CREATE INDEX runs_newest ON runbook.runs (started_at DESC, no DESC);
CREATE INDEX runs_of_runbook ON runbook.runs (runbook, started_at DESC);
CREATE INDEX runs_live ON runbook.runs (state) WHERE ended_at IS NULL;
CREATE INDEX runs_of_target ON runbook.runs USING gin (targets);

CREATE TABLE runbook.steps (
  run_no     bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  path       text NOT NULL,
  -- Place in the run's list; null until the run itself was saved with this step in it.
  ordinal    integer,
  -- The step that this one takes back; such steps are not listed on their own.
  undo_of    text,
  title      text NOT NULL,
  kind       text NOT NULL,
  effect     text NOT NULL,
  state      text NOT NULL DEFAULT 'pending',
  attempts   integer NOT NULL DEFAULT 0,
  started_at timestamptz,
  ended_at   timestamptz,
  output     json,
  error      json,
  undo       text,
  PRIMARY KEY (run_no, path)
);

CREATE TABLE runbook.attempts (
  run_no           bigint NOT NULL,
  path             text NOT NULL,
  attempt          integer NOT NULL,
  state            text NOT NULL,
  host             text NOT NULL,
  worker           text NOT NULL,
  temporal_attempt integer NOT NULL,
  started_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at         timestamptz,
  output           json,
  error            json,
  PRIMARY KEY (run_no, path, attempt),
  FOREIGN KEY (run_no, path) REFERENCES runbook.steps ON DELETE CASCADE
);
-- One attempt of a step runs at a time, whatever the workers believe.
CREATE UNIQUE INDEX attempts_running ON runbook.attempts (run_no, path) WHERE state = 'running';

-- Each opening of a gate, with what the approver was shown.
CREATE TABLE runbook.waits (
  run_no    bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  gate      text NOT NULL,
  attempt   integer NOT NULL,
  kind      text NOT NULL,
  title     text NOT NULL,
  since     timestamptz NOT NULL,
  deadline  timestamptz,
  who       text NOT NULL,
  digest    text NOT NULL,
  evidence  json NOT NULL,
  command   text NOT NULL,
  closed_at timestamptz,
  PRIMARY KEY (run_no, gate, attempt)
);
CREATE INDEX waits_open ON runbook.waits (run_no) WHERE closed_at IS NULL;

CREATE TABLE runbook.decisions (
  no           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_no       bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  decision     text NOT NULL,
  -- Two messages under one id are two facts; the same message twice is one.
  content      text NOT NULL,
  verb         text NOT NULL,
  gate         text,
  gate_attempt integer,
  decided_by   text NOT NULL,
  reason       text NOT NULL,
  accepted     boolean NOT NULL,
  code         text NOT NULL,
  message      text NOT NULL,
  received_at  timestamptz NOT NULL,
  judged_at    timestamptz NOT NULL,
  envelope     json,
  -- For what is no decision at all: its first bytes, as they came.
  raw          text,
  UNIQUE (run_no, decision, content)
);
CREATE INDEX decisions_of_gate ON runbook.decisions (run_no, gate, gate_attempt) WHERE accepted;

CREATE TABLE runbook.output (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_no  bigint NOT NULL,
  path    text NOT NULL,
  attempt integer NOT NULL,
  stream  text NOT NULL,
  seq     integer NOT NULL,
  at      timestamptz NOT NULL,
  bytes   bytea NOT NULL,
  UNIQUE (run_no, path, attempt, stream, seq),
  FOREIGN KEY (run_no, path, attempt) REFERENCES runbook.attempts ON DELETE CASCADE
);
CREATE INDEX output_in_order ON runbook.output (run_no, id);

CREATE TABLE runbook.output_totals (
  run_no     bigint NOT NULL,
  path       text NOT NULL,
  attempt    integer NOT NULL,
  -- Bytes in runbook.output.
  kept       bigint NOT NULL DEFAULT 0,
  -- Bytes that the step wrote in all, and their digest; null until the attempt ended.
  bytes      bigint,
  sha256     text,
  truncated  boolean NOT NULL DEFAULT false,
  PRIMARY KEY (run_no, path, attempt),
  FOREIGN KEY (run_no, path, attempt) REFERENCES runbook.attempts ON DELETE CASCADE
);
