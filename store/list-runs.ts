import type pg from 'pg';
import type { RunState, RunSummary } from '../common/view.js';
import { lastAck } from './acks.js';
import { leftBySteps } from './left-steps.js';

/** Default and largest number of runs in a list. */
const defaultLimit = 50;
const maxLimit = 1_000;

export interface RunFilter {
  state?: RunState | readonly RunState[];
  runbook?: string;
  target?: string;
  requester?: string;
  /** Only runs that wait for people. */
  waiting?: boolean;
  /** Runs at most; 50 unless said, 1,000 at most. */
  limit?: number;
}

/** Runs, newest first. */
export async function listRuns(pool: pg.Pool, filter: RunFilter = {}): Promise<RunSummary[]> {
  const states =
    filter.state === undefined
      ? null
      : typeof filter.state === 'string'
        ? [filter.state]
        : [...filter.state];
  const { rows } = await pool.query<SummaryRow>({
    name: 'runs-list',
    text: `SELECT r.run, r.first_run_id, r.runbook, r.title, r.priority, r.targets, r.state, r.requester, r.reason, r.drill, r.started_at, r.ended_at,
                  (SELECT count(*)::integer FROM runbook.steps s WHERE ${leftBySteps}) AS left_steps,
                  (SELECT s.path FROM runbook.steps s
                    WHERE r.ended_at IS NULL AND s.run_no = r.no AND s.undo_of IS NULL AND s.state IN ('running', 'waiting', 'undoing')
                    ORDER BY s.started_at DESC NULLS LAST, s.path DESC LIMIT 1) AS step,
                  (SELECT coalesce(json_agg(json_build_object(
                            'kind', w.kind, 'id', w.about_id, 'title', w.title, 'since', w.since,
                            'who', w.who, 'deciders', w.deciders, 'verbs', w.verbs,
                            'command', w.command, 'takenBy', (${lastAck('k.taken_by', 'w', 'about_id')}))
                                            ORDER BY w.since, w.about_id), '[]')
                     FROM runbook.waits w WHERE r.ended_at IS NULL AND w.run_no = r.no AND w.closed_at IS NULL) AS waiting_for
           FROM runbook.runs r
           WHERE ($1::text[] IS NULL OR r.state = ANY ($1))
             AND ($2::text IS NULL OR r.runbook = $2)
             AND ($3::text IS NULL OR r.targets @> ARRAY[$3])
             AND ($4::text IS NULL OR r.requester = $4)
             AND (NOT $5::boolean OR (r.ended_at IS NULL
                  AND EXISTS (SELECT FROM runbook.waits w WHERE w.run_no = r.no AND w.closed_at IS NULL)))
           ORDER BY r.started_at DESC, r.no DESC
           LIMIT $6`,
    values: [
      states,
      filter.runbook ?? null,
      filter.target ?? null,
      filter.requester ?? null,
      filter.waiting ?? false,
      Math.min(Math.max(1, filter.limit ?? defaultLimit), maxLimit),
    ],
  });
  return rows.map((row) => ({
    id: row.run,
    firstRunId: row.first_run_id,
    runbook: row.runbook,
    title: row.title,
    priority: row.priority,
    targets: row.targets,
    state: row.state,
    requester: row.requester,
    reason: row.reason,
    ...(row.drill ? { drill: true as const } : {}),
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    ...(row.left_steps > 0 ? { left: row.left_steps } : {}),
    step: row.step,
    waitingFor: row.waiting_for.map((wait) => ({
      ...wait,
      since: new Date(wait.since).toISOString(),
    })),
  }));
}

/** Names of all runbooks and targets that runs have had. */
export async function namesInRecord(
  pool: pg.Pool,
): Promise<{ runbooks: string[]; targets: string[] }> {
  const { rows } = await pool.query<{ runbooks: string[]; targets: string[] }>({
    name: 'runs-names',
    text: `SELECT ARRAY(SELECT DISTINCT runbook FROM runbook.runs ORDER BY 1) AS runbooks,
                  ARRAY(SELECT DISTINCT unnest(targets) FROM runbook.runs ORDER BY 1) AS targets`,
  });
  return rows[0] ?? { runbooks: [], targets: [] };
}

/** The newest run, or null when there is none. */
export async function latestRun(pool: pg.Pool): Promise<RunSummary | null> {
  return (await listRuns(pool, { limit: 1 }))[0] ?? null;
}

type SummaryRow = Pick<
  RunSummary,
  'runbook' | 'title' | 'priority' | 'targets' | 'state' | 'requester' | 'reason' | 'step'
> & {
  run: string;
  first_run_id: string;
  drill: boolean;
  started_at: Date;
  ended_at: Date | null;
  left_steps: number;
  waiting_for: RunSummary['waitingFor'];
};
