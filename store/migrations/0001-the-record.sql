-- breaking: no
-- The record of runs. It lives in a schema of its own, so that a database shared with other
-- programs stays tidy. Columns of type json (not jsonb) keep the order in which people wrote and
-- were shown the data; nothing queries inside them.

CREATE TABLE runbook.runs (
  no               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run              text NOT NULL,
  first_run_id     text NOT NULL,
  runbook          text NOT NULL,
  runbook_version  text NOT NULL,
  title            text NOT NULL,
  type             text NOT NULL,
  priority         text NOT NULL,
  targets          text[] NOT NULL DEFAULT '{}',
  -- A drill practises: it is told apart from the runs that were meant.
  drill            boolean NOT NULL DEFAULT false,
  requester        text NOT NULL,
  -- User and host that the start was sent from, as stated, like the name. Null: not stated.
  sender           json,
  reason           text NOT NULL,
  inputs           json NOT NULL,
  envelope         json,
  plan             json,
  plan_digest      text NOT NULL,

  state            text NOT NULL,
  started_at       timestamptz NOT NULL,
  -- Set exactly when the state is one from which a run does not move again.
  ended_at         timestamptz,
  outputs          json NOT NULL DEFAULT '{}',
  problem          json,
  -- What a recovery reached, compared with its objectives.
  recovery         json,
  -- Programs that were not the same any more within the run.
  programs_changed json,
  -- Of a run that was started from a dead one: results that were looked at again, and those that
  -- had changed.
  probed           text[] NOT NULL DEFAULT '{}',
  drifted          text[] NOT NULL DEFAULT '{}',
  ui_url           text,
  saved_at         timestamptz NOT NULL DEFAULT now(),

  -- What Temporal and the record are compared by. A run has several executions in Temporal, one
  -- after the other: a reset and a continue-as-new begin another one. The namespace, by its id: a
  -- name and an address may lead to another server one day, and no run may be taken for lost then.
  namespace_id     text,
  -- The queue whose workers know the run's targets, and so its channels. Null: not known.
  task_queue       text,
  -- Temporal's run id of the latest execution that has told of the run.
  execution        text,
  -- When Temporal first asked for news of that execution: news of an earlier one is late news.
  execution_at     timestamptz,
  -- How often that execution has told how the run stands: what comes with a lower number is late.
  saves            integer NOT NULL DEFAULT 0,
  -- Closed because Temporal knows the run no more. News of it then proves that it goes on after
  -- all.
  missing          boolean NOT NULL DEFAULT false,

  -- A workflow id may be used again after Temporal forgot it: that is another run.
  UNIQUE (run, first_run_id)
);
CREATE INDEX runs_newest ON runbook.runs (started_at DESC, no DESC);
CREATE INDEX runs_of_runbook ON runbook.runs (runbook, started_at DESC);
CREATE INDEX runs_drills ON runbook.runs (runbook, started_at DESC) WHERE drill;
CREATE INDEX runs_live ON runbook.runs (state) WHERE ended_at IS NULL;
CREATE INDEX runs_of_target ON runbook.runs USING gin (targets);

CREATE TABLE runbook.steps (
  run_no     bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  path       text NOT NULL,
  -- Place in the run's list; null until the run itself was saved with this step in it.
  ordinal    integer,
  -- The step that this one undoes; such steps are not listed on their own.
  undo_of    text,
  title      text NOT NULL,
  kind       text NOT NULL,
  effect     text NOT NULL,
  -- What its undo does, in words.
  undo       text,
  state      text NOT NULL DEFAULT 'pending',
  attempts   integer NOT NULL DEFAULT 0,
  started_at timestamptz,
  ended_at   timestamptz,
  output     json,
  error      json,
  -- The dead run whose result this is.
  taken_from text,
  PRIMARY KEY (run_no, path)
);

-- An attempt is the claim to a step's effect.
CREATE TABLE runbook.attempts (
  run_no           bigint NOT NULL,
  path             text NOT NULL,
  attempt          integer NOT NULL,
  state            text NOT NULL,
  host             text NOT NULL,
  worker           text NOT NULL,
  temporal_attempt integer NOT NULL,
  -- The execution for which it runs: the same worker may be given the same step again by the next
  -- one.
  execution        text,
  -- Each worker that takes it over raises the fence, so that whatever the worker before still
  -- writes is refused.
  fence            integer NOT NULL DEFAULT 1,
  -- Host, boot and process namespace where its command runs: only there its end can be known.
  place            text,
  -- What proves the outcome when the worker dies in between: of SQL, the server's identity and the
  -- transaction's id.
  evidence         json,
  started_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at         timestamptz,
  -- What it ran, by path and content.
  programs         json,
  output           json,
  error            json,
  -- What the worker answered, by digest: a run names what it builds on, and begins nothing when the
  -- record has another answer.
  digest           text,
  PRIMARY KEY (run_no, path, attempt),
  FOREIGN KEY (run_no, path) REFERENCES runbook.steps ON DELETE CASCADE
);
-- One attempt of a step runs at a time, whatever the workers believe.
CREATE UNIQUE INDEX attempts_running ON runbook.attempts (run_no, path) WHERE state = 'running';
-- What was running when a run ended without its worker: each host looks for what is its own.
CREATE INDEX attempts_open_at ON runbook.attempts (place) WHERE state = 'running';

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
  run_no    bigint NOT NULL,
  path      text NOT NULL,
  attempt   integer NOT NULL,
  -- Bytes in runbook.output.
  kept      bigint NOT NULL DEFAULT 0,
  -- Bytes that the step wrote in all, and their digest; null until the attempt ended.
  bytes     bigint,
  sha256    text,
  truncated boolean NOT NULL DEFAULT false,
  PRIMARY KEY (run_no, path, attempt),
  FOREIGN KEY (run_no, path, attempt) REFERENCES runbook.attempts ON DELETE CASCADE
);

-- Each opening of a question, with what people were shown.
CREATE TABLE runbook.waits (
  run_no    bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  -- Id of the gate, step or target that it is about; `kind` says which.
  about_id  text NOT NULL,
  attempt   integer NOT NULL,
  kind      text NOT NULL,
  title     text NOT NULL,
  since     timestamptz NOT NULL,
  deadline  timestamptz,
  who       text NOT NULL,
  -- Which verbs answer it, and whether the requester may use all of them.
  verbs     text[] NOT NULL,
  deciders  text NOT NULL,
  digest    text NOT NULL,
  evidence  json NOT NULL,
  -- For a gate: the steps that follow its approval.
  follows   json,
  command   text NOT NULL,
  closed_at timestamptz,
  -- Closed by the end of a run that has gone on since: the next news of this wait opens it again.
  reopens   boolean NOT NULL DEFAULT false,
  PRIMARY KEY (run_no, about_id, attempt)
);
CREATE INDEX waits_open ON runbook.waits (run_no) WHERE closed_at IS NULL;

CREATE TABLE runbook.decisions (
  no           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_no       bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  decision     text NOT NULL,
  -- Two messages under one id are two facts; the same message twice is one.
  content      text NOT NULL,
  verb         text NOT NULL,
  -- What it is about, and which opening of that; null for the run as a whole.
  about_kind   text,
  about_id     text,
  attempt      integer,
  decided_by   text NOT NULL,
  -- As in runs.
  sender       json,
  reason       text NOT NULL,
  accepted     boolean NOT NULL,
  code         text NOT NULL,
  message      text NOT NULL,
  received_at  timestamptz NOT NULL,
  judged_at    timestamptz NOT NULL,
  -- By the clock of the record, as the ends of attempts are: which of the two came first.
  recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  envelope     json,
  -- For what is no decision at all: its first bytes, as they came.
  raw          text,
  UNIQUE (run_no, decision, content)
);
CREATE INDEX decisions_about ON runbook.decisions (run_no, about_id, attempt) WHERE accepted;

-- What a run does not see itself: that it, or one step of it, was paused in Temporal.
CREATE TABLE runbook.pauses (
  run_no    bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  -- Empty: the whole run.
  step      text NOT NULL,
  number    integer NOT NULL,
  since     timestamptz NOT NULL,
  paused_by text,
  reason    text,
  command   text NOT NULL,
  over_at   timestamptz,
  PRIMARY KEY (run_no, step, number)
);
CREATE UNIQUE INDEX pauses_open ON runbook.pauses (run_no, step) WHERE over_at IS NULL;

-- An end that left something. It is written with the end itself, so that nobody can miss it.
CREATE TABLE runbook.ends (
  run_no  bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  -- A run that goes on after a reset may end again.
  number  integer NOT NULL,
  at      timestamptz NOT NULL,
  -- When its messages were added; also where nothing names a channel.
  told_at timestamptz,
  -- When the run went on after all.
  over_at timestamptz,
  PRIMARY KEY (run_no, number)
);
CREATE INDEX ends_untold ON runbook.ends (run_no) WHERE told_at IS NULL AND over_at IS NULL;
CREATE UNIQUE INDEX ends_present ON runbook.ends (run_no) WHERE over_at IS NULL;

-- Everything that messages can be about. A run that waits for another one goes on by itself, and an
-- end is closed from the beginning: it asks nothing.
CREATE VIEW runbook.calls AS
  SELECT run_no, about_id AS call, attempt, kind, title, since, deadline, who, verbs, digest, evidence,
         follows, command, closed_at
  FROM runbook.waits WHERE kind <> 'lease'
  UNION ALL
  SELECT p.run_no, 'pause:' || p.step, p.number, 'pause',
         CASE p.step WHEN '' THEN 'The run is paused in Temporal'
           ELSE 'Step ' || p.step || ' is paused in Temporal' END,
         p.since, NULL, 'an operator', '{}', '',
         json_strip_nulls(json_build_object('paused by', p.paused_by, 'reason', p.reason)),
         NULL, p.command,
         coalesce(p.over_at, r.ended_at)
  FROM runbook.pauses p JOIN runbook.runs r ON r.no = p.run_no
  UNION ALL
  SELECT e.run_no, 'end:', e.number, 'left', 'The run has ended', e.at, NULL, 'an operator', '{}', '',
         '{}', NULL, '', e.at
  FROM runbook.ends e WHERE e.over_at IS NULL;

-- One message to one channel about one call. Its id is the same in every try.
CREATE TABLE runbook.messages (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  run_no           bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  call             text NOT NULL,
  attempt          integer NOT NULL,
  channel          text NOT NULL,
  -- asked, reminder, deadline or over
  what             text NOT NULL,
  number           integer NOT NULL,
  due_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  tries            integer NOT NULL DEFAULT 0,
  -- A worker that dies leaves its claim behind, which then expires.
  claimed_by       text,
  claimed_until    timestamptz,
  -- An earlier try may have arrived: the next one says that it is another.
  may_have_arrived boolean NOT NULL DEFAULT false,
  failing_since    timestamptz,
  last_error       text,
  sent_at          timestamptz,
  -- The call was over before it was sent.
  dropped_at       timestamptz,
  -- Of the first message about a call: nothing more is to come on this channel.
  settled_at       timestamptz,
  UNIQUE (run_no, call, attempt, channel, what, number)
);
CREATE INDEX messages_unsent ON runbook.messages (due_at)
  WHERE sent_at IS NULL AND dropped_at IS NULL;
CREATE INDEX messages_unsettled ON runbook.messages (run_no, call, attempt)
  WHERE what = 'asked' AND settled_at IS NULL;

-- Who has taken a call: reminders of it stop.
CREATE TABLE runbook.acks (
  run_no   bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  call     text NOT NULL,
  attempt  integer NOT NULL,
  taken_by text NOT NULL,
  -- User and host that it was sent from, as stated.
  sender   json,
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run_no, call, attempt, at)
);

-- Who may change a target. A lease is held exactly as long as a run that claims it under its
-- present fence has not ended: the transaction that writes down a run's end frees what it held,
-- whichever release writes it.
CREATE TABLE runbook.leases (
  target text PRIMARY KEY,
  -- Counts the holders that the target has had.
  fence  integer NOT NULL DEFAULT 0
);

-- Every claim there ever was, so also the record of who took a target over from whom. Nested runs
-- claim under the fence of their root run, which is why a lease can have several.
CREATE TABLE runbook.lease_claims (
  run_no            bigint NOT NULL REFERENCES runbook.runs ON DELETE CASCADE,
  target            text NOT NULL REFERENCES runbook.leases,
  fence             integer NOT NULL,
  root_run          text NOT NULL,
  root_first_run_id text NOT NULL,
  since             timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Set when the run took the target from one that had not ended: who decided it, why, and the
  -- decision's id.
  taken_by          text,
  taken_because     text,
  decision          text,
  PRIMARY KEY (run_no, target, fence)
);
CREATE INDEX lease_claims_of_target ON runbook.lease_claims (target, fence);

-- Who waits, so that who came first goes first. Only those count that have asked lately.
CREATE TABLE runbook.lease_waits (
  run_no   bigint PRIMARY KEY REFERENCES runbook.runs ON DELETE CASCADE,
  targets  text[] NOT NULL,
  since    timestamptz NOT NULL DEFAULT clock_timestamp(),
  asked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who compares the record with a namespace, and when that was done last.
CREATE TABLE runbook.watches (
  namespace_id text PRIMARY KEY,
  namespace    text NOT NULL,
  worker       text NOT NULL,
  looked_at    timestamptz NOT NULL DEFAULT now(),
  -- The id that the same name at the same address has today: the namespace itself is gone.
  replaced_by  text
);

-- What each worker tells of itself at every look: how far its clock is from this one, and what room
-- its journals have.
CREATE TABLE runbook.workers (
  worker         text PRIMARY KEY,
  host           text NOT NULL,
  told_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Negative: its clock is behind.
  clock_ahead_ms double precision NOT NULL,
  journals       json NOT NULL,
  -- Digests of the runbooks of its library.
  library        json NOT NULL DEFAULT '{}'
);
