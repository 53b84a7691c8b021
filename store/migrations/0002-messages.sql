-- breaking: no
-- People are told what runs wait for. The record has what waits already, so it is also the list of
-- what is to be sent.

ALTER TABLE runbook.runs
  -- The queue whose workers know the run's targets, and so its channels. Null: a run of an earlier
  -- release.
  ADD COLUMN task_queue text;

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

-- Everything that people are needed for. A run that waits for another one goes on by itself.
CREATE VIEW runbook.calls AS
  SELECT run_no, gate AS call, attempt, kind, title, since, deadline, who, verbs, digest, evidence,
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
  FROM runbook.pauses p JOIN runbook.runs r ON r.no = p.run_no;

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
