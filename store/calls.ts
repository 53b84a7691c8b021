import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { CallKind } from '../common/message.js';
import { endingVerbs, type AnswerVerb } from '../common/questions.js';
import type { FollowingStep, Problem, RunState, StepState } from '../common/view.js';
import type { JsonObject } from '../language/json.js';
import type { PlannedTarget } from '../language/plan.js';
import type { StepKind } from '../language/kinds/index.js';
import type { Effect, StepSpec } from '../language/runbook.js';
import { lastAck } from './acks.js';
import { changedBySteps } from './left-steps.js';

/** A step that changed something, or may have. */
interface ChangedStep {
  path: string;
  title: string;
  ordinal: number | null;
  undo: string | null;
  kind: StepKind;
  effect: Effect;
  state: StepState;
  attempts: number;
  startedAt: string | null;
}

/** What a message needs to know of a call and its run. */
export interface CallFacts {
  key: RunKey;
  /** Temporal's id of its latest execution; null when not known. */
  execution: string | null;
  runbook: string;
  title: string;
  drill: boolean;
  state: RunState;
  /** Why it ended as it did; null for most. */
  problem: Problem | null;
  requester: string;
  reason: string;
  startedAt: string;
  targets: Pick<PlannedTarget, 'name' | 'environment'>[];
  steps: readonly StepSpec[];
  inputs: JsonObject;
  call: {
    kind: CallKind;
    id: string;
    attempt: number;
    title: string;
    since: string;
    deadline: string | null;
    who: string;
    /** The verbs that answer it; none for a pause. */
    verbs: readonly AnswerVerb[];
    digest: string;
    evidence: JsonObject;
    /** For a gate: the steps that follow its approval; null where it says nothing of them. */
    follows: FollowingStep[] | null;
    command: string;
    closedAt: string | null;
  };
  /** Steps that changed something, or may have, newest first. */
  changes: ChangedStep[];
  /** Steps that were undone, in the order in which they were. */
  undone: { step: string; title: string }[];
  /** Paths of the steps that have begun and that change something. */
  begun: string[];
  taken: { by: string; at: string } | null;
  /** The decision that ended the call; null when none did. */
  decision: { verb: string; by: string; reason: string; at: string } | null;
  /** What the last attempt of the step was asked to do, in lines; null when none has begun. */
  did: string[] | null;
}

/**
 * A call with everything that a message says of it.
 * @returns null when the record has it no more
 */
export async function callFacts(
  pool: pg.Pool,
  { no, call, attempt }: { no: string; call: string; attempt: number },
): Promise<CallFacts | null> {
  const { rows } = await pool.query<FactsRow>({
    name: 'calls-facts',
    text: `SELECT r.run, r.first_run_id, r.execution, r.runbook, r.title AS run_title, r.drill,
                  r.state, r.requester, r.reason, r.started_at, r.problem,
                  r.plan->'targets' AS targets, r.plan->'steps' AS steps, r.targets AS names,
                  r.inputs,
                  (SELECT a.does FROM runbook.attempts a WHERE a.run_no = r.no AND a.path = c.call
                    ORDER BY a.attempt DESC LIMIT 1) AS did,
                  c.kind, c.call, c.attempt, c.title, c.since, c.deadline, c.who, c.verbs, c.digest,
                    c.evidence, c.follows, c.command, c.closed_at,
                  (SELECT coalesce(json_agg(json_build_object('path', s.path,
                            'title', s.title, 'ordinal', s.ordinal, 'undo', s.undo,
                            'kind', s.kind, 'effect', s.effect, 'state', s.state,
                            'attempts', s.attempts, 'startedAt', s.started_at)
                                            ORDER BY s.started_at DESC, s.path DESC), '[]')
                     FROM runbook.steps s WHERE s.run_no = r.no AND ${changedBySteps}) AS changes,
                  (SELECT coalesce(json_agg(s.path), '[]') FROM runbook.steps s
                    WHERE s.run_no = r.no AND s.effect <> 'read'
                      AND s.started_at IS NOT NULL) AS begun,
                  (SELECT coalesce(json_agg(json_build_object('step', s.path, 'title', s.title)
                                            ORDER BY s.started_at DESC, s.path DESC), '[]')
                     FROM runbook.steps s WHERE s.run_no = r.no AND s.undo_of IS NULL
                       AND s.state = 'undone') AS undone,
                  (${lastAck(`json_build_object('by', k.taken_by, 'at', k.at)`, 'c')}) AS taken,
                  (SELECT json_build_object('verb', d.verb, 'by', d.decided_by, 'reason', d.reason,
                                            'at', d.judged_at)
                    FROM runbook.decisions d
                    WHERE d.run_no = c.run_no AND d.accepted AND c.closed_at IS NOT NULL
                      AND d.judged_at BETWEEN c.since AND c.closed_at
                      AND ((d.about_id = c.call AND d.attempt = c.attempt)
                        OR (d.about_id IS NULL AND d.verb = ANY ($4)))
                    ORDER BY d.about_id IS NULL, d.no DESC LIMIT 1) AS decision
           FROM runbook.calls c JOIN runbook.runs r ON r.no = c.run_no
           WHERE c.run_no = $1 AND c.call = $2 AND c.attempt = $3`,
    values: [no, call, attempt, endingVerbs],
  });
  const row = rows[0];
  if (!row) return null;
  const inPlan = (row.targets ?? []).map(({ name, environment }) => ({ name, environment }));
  return {
    key: { run: row.run, firstRunId: row.first_run_id },
    execution: row.execution,
    runbook: row.runbook,
    title: row.run_title,
    drill: row.drill,
    state: row.state,
    problem: row.problem,
    requester: row.requester,
    reason: row.reason,
    startedAt: row.started_at.toISOString(),
    targets: inPlan.length > 0 ? inPlan : row.names.map((name) => ({ name, environment: '' })),
    steps: row.steps ?? [],
    inputs: row.inputs,
    call: {
      kind: row.kind,
      id: row.call,
      attempt: row.attempt,
      title: row.title,
      since: row.since.toISOString(),
      deadline: row.deadline?.toISOString() ?? null,
      who: row.who,
      verbs: row.verbs,
      digest: row.digest,
      evidence: row.evidence,
      follows: row.follows,
      command: row.command,
      closedAt: row.closed_at?.toISOString() ?? null,
    },
    changes: row.changes,
    undone: row.undone,
    begun: row.begun,
    did: row.did,
    taken: row.taken && { ...row.taken, at: new Date(row.taken.at).toISOString() },
    decision: row.decision && { ...row.decision, at: new Date(row.decision.at).toISOString() },
  };
}

interface FactsRow {
  run: string;
  first_run_id: string;
  execution: string | null;
  runbook: string;
  run_title: string;
  drill: boolean;
  state: RunState;
  problem: Problem | null;
  requester: string;
  reason: string;
  started_at: Date;
  targets: PlannedTarget[] | null;
  steps: StepSpec[] | null;
  names: string[];
  inputs: JsonObject;
  did: string[] | null;
  kind: CallKind;
  verbs: AnswerVerb[];
  call: string;
  attempt: number;
  title: string;
  since: Date;
  deadline: Date | null;
  who: string;
  digest: string;
  evidence: JsonObject;
  follows: FollowingStep[] | null;
  command: string;
  closed_at: Date | null;
  changes: CallFacts['changes'];
  undone: CallFacts['undone'];
  begun: string[];
  taken: { by: string; at: string } | null;
  decision: CallFacts['decision'];
}
