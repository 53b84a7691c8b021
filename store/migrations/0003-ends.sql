-- breaking: no
-- People are told what a run has left changed that did not end as it was meant to.

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

-- What messages can be about. An end is closed from the beginning: it asks nothing.
CREATE OR REPLACE VIEW runbook.calls AS
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
  FROM runbook.pauses p JOIN runbook.runs r ON r.no = p.run_no
  UNION ALL
  SELECT e.run_no, 'end:', e.number, 'left', 'The run has ended', e.at, NULL, 'an operator', '{}', '',
         '{}', NULL, '', e.at
  FROM runbook.ends e WHERE e.over_at IS NULL;
