import type { ListedWork } from '../common/listed.js';
import type { Json } from '../language/json.js';

/** The facts that a request is checked against. */
export interface WantedFacts {
  /** Steps whose outputs to read: these paths, and all below these prefixes. */
  paths: readonly string[];
  below: readonly string[];
  /** The gate whose approval the step needs, or needed before its undo; null when it needs none. */
  gate: string | null;
  /** The declared path of the step, where the gate has listed what it may do; null: not asked. */
  listed: string | null;
  /** The step that is to be undone, within what its gate has listed; null: none is. */
  undone: string | null;
  /** Steps that may have to be settled first: these paths, and all below these prefixes. */
  before: readonly string[];
  beforeBelow: readonly string[];
  /** Names of programs of which the plan does not say which may run. */
  programs: readonly string[];
}

export interface RecordedFacts {
  /**
   * Outputs by path: from an attempt, from people at the desk, or from the run that this one was
   * started from.
   */
  values: Record<string, Json>;
  /** The last decision about the gate; null when there is none. */
  approval: RecordedApproval | null;
  /** The decisions by which people have changed inputs, in order; null when there are none. */
  changes: number[] | null;
  /**
   * Those of the steps before that have succeeded, or that people have answered for; null when
   * there are none.
   */
  settled: string[] | null;
  /** Those of them that were tried otherwise: their attempts began rightly and have ended. */
  tried: string[] | null;
  /** All that approvers have allowed of the step to be undone; null: not known. */
  shown: ListedWork[][] | null;
  /** Programs of these names, as JSON, that the run has run, or that people have let run since. */
  programs: string[] | null;
  /** The run goes on when steps fail, and nobody is asked. */
  goesOn: boolean;
  /** People have let the step continue with what its run was told. */
  despite: boolean;
}

export interface RecordedApproval {
  /** Its place among all decisions. */
  no: number;
  approved: boolean;
  /** The gate was opened again after it. */
  reopened: boolean;
  /** What the gate has listed for the step; null where it has no list, or was not asked for one. */
  listed: ListedWork[] | null;
}

/**
 * SQL for the recorded facts about other steps, as JSON; null when none are requested. An output
 * from an attempt comes first, then one from people at the desk, then one from the run that this
 * one was started from.
 * @param first number of the first of eight parameters: see `wantedValues`
 * @param despite parameter of the decision to continue
 */
export function factsQuery(run: string, first: number, path: string, despite: string): string {
  const [paths, below, gate, listed, undone, before, beforeBelow, programs] = [
    ...Array(8).keys(),
  ].map((at) => `$${first + at}`);
  const isBelow = (name: string, prefixes = below): string =>
    `EXISTS (SELECT FROM unnest(${prefixes}::text[]) AS prefix WHERE starts_with(${name}, prefix))`;
  const isWanted = (name: string): string => `(${name} = ANY (${paths}) OR ${isBelow(name)})`;
  const decided = `FROM runbook.decisions d WHERE d.run_no = ${run} AND d.accepted`;
  const takenOver = `FROM runbook.runs own
                  JOIN runbook.runs before ON before.run = own.envelope->'from'->>'run'
                  JOIN runbook.steps taken ON taken.run_no = before.no
                  WHERE own.no = ${run} AND taken.state IN ('succeeded', 'done-by-hand')`;
  // Paths have an index and prefixes have none, so each is a query of its own.
  const amongBefore = (found: (isOne: (name: string) => string) => string): string =>
    `(SELECT json_agg(DISTINCT s.path) FROM (
                ${found((name) => `${name} = ANY (${before}::text[])`)}
                UNION ALL SELECT path FROM (${found((name) => isBelow(name, beforeBelow))}) AS inside
                WHERE cardinality(${beforeBelow}::text[]) > 0
              ) AS s)`;
  const tried = (isOne: (name: string) => string): string =>
    `SELECT a.path FROM runbook.attempts a WHERE a.run_no = ${run}
       AND a.state NOT IN ('succeeded', 'running') AND ${isOne('a.path')}
       AND coalesce(a.error->>'type', '') NOT IN ('NotAsPlanned', 'ApprovalOutdated')`;
  const settled = (isOne: (name: string) => string): string =>
    `SELECT a.path FROM runbook.attempts a WHERE a.run_no = ${run} AND a.state = 'succeeded'
      AND ${isOne('a.path')}
     UNION ALL SELECT d.about_id ${decided} AND d.verb IN ('approve', 'done', 'skip')
       AND ${isOne('d.about_id')}
     UNION ALL SELECT taken.path ${takenOver} AND ${isOne('taken.path')}`;
  return `CASE WHEN ${paths}::text[] IS NULL THEN NULL ELSE json_build_object(
            'approval', (SELECT json_build_object('no', d.no, 'approved', d.verb = 'approve',
              'reopened', EXISTS (
                SELECT FROM runbook.waits w WHERE w.run_no = d.run_no AND w.about_id = d.about_id
                  AND w.attempt > d.attempt),
              'listed', (SELECT coalesce((SELECT f->'works' FROM json_array_elements(w.follows) AS f
                  WHERE f->>'step' = ${listed}::text), '[]')
                FROM runbook.waits w WHERE ${listed}::text IS NOT NULL AND w.follows IS NOT NULL
                  AND w.run_no = d.run_no AND w.about_id = d.about_id AND w.attempt = d.attempt))
              ${decided} AND d.about_id = ${gate}::text AND d.verb IN ('approve', 'reject')
                ORDER BY d.no DESC LIMIT 1),
            'changes', (SELECT json_agg(d.no ORDER BY d.no) ${decided} AND d.verb = 'retry'
              AND d.envelope->'inputs' IS NOT NULL),
            'settled', ${amongBefore(settled)},
            'tried', ${amongBefore(tried)},
            'shown', CASE WHEN ${undone}::text IS NOT NULL
                AND NOT EXISTS (SELECT ${takenOver} AND taken.path = ${undone}) THEN (
              SELECT CASE WHEN count(*) = count(w.follows) THEN coalesce(json_agg(f->'works')
                  FILTER (WHERE f->>'step' = ${listed}), '[]') END
                FROM runbook.decisions d
                LEFT JOIN runbook.waits w ON w.run_no = d.run_no AND w.about_id = d.about_id
                  AND w.attempt = d.attempt
                LEFT JOIN LATERAL json_array_elements(w.follows) AS f ON true
                WHERE d.run_no = ${run} AND d.accepted AND d.about_id = ${gate}
                  AND d.verb = 'approve')
              END,
            'programs', CASE WHEN cardinality(${programs}::text[]) > 0 THEN (
              SELECT json_agg(DISTINCT p::text)
                FROM runbook.attempts a CROSS JOIN json_array_elements(a.programs) AS p
                WHERE a.run_no = ${run} AND p->>'name' = ANY (${programs}::text[])
                  AND (p->>'uncovered' IS NULL OR p->>'uncovered' = 'refused' AND EXISTS (
                    SELECT ${decided} AND d.recorded_at > a.ended_at AND (d.verb = 'retry'
                      AND d.about_id = a.path OR d.verb = 'approve' AND d.attempt > 1))))
              END,
            'goesOn', (SELECT coalesce(own.envelope->>'unattended' = 'continue', false)
              FROM runbook.runs own WHERE own.no = ${run}),
            'despite', EXISTS (SELECT ${decided} AND d.decision = ${despite} AND d.verb = 'retry'
              AND d.about_id = ${path}),
            'values', CASE WHEN cardinality(${paths}::text[]) + cardinality(${below}::text[]) > 0
              THEN (
              SELECT json_object_agg(path, output) FROM (
                SELECT DISTINCT ON (path) path, output FROM (
                  SELECT path, output, 1 AS place, no AS newest FROM (
                    SELECT path, output, attempt AS no FROM runbook.attempts WHERE run_no = ${run}
                      AND state = 'succeeded' AND ${isWanted('path')}
                  ) AS answered
                  UNION ALL
                  SELECT d.about_id, d.envelope->'outputs', 2, d.no ${decided} AND d.verb = 'done'
                    AND ${isWanted('d.about_id')}
                  UNION ALL
                  SELECT taken.path, taken.output, 3, taken.run_no ${takenOver}
                    AND ${isWanted('taken.path')}
                ) AS candidates ORDER BY path, place, newest DESC
              ) AS newest) END) END`;
}

/** The values of its parameters. */
export function wantedValues(wanted: WantedFacts | undefined): unknown[] {
  const {
    paths = null,
    below = null,
    gate = null,
    listed = null,
    undone = null,
    before = null,
    beforeBelow = null,
    programs = null,
  } = wanted ?? {};
  return [paths, below, gate, listed, undone, before, beforeBelow, programs];
}
