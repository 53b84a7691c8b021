import type pg from 'pg';
import type { RecoveryView, RunState } from '../common/view.js';

/** The newest drill of a runbook that has ended. */
export interface DrillRecord {
  runbook: string;
  run: string;
  state: RunState;
  endedAt: string;
  recovery: RecoveryView | null;
  /** ISO time of the newest successful drill; null when there was none. */
  wellAt: string | null;
}

/** The newest drill of each runbook that was ever drilled. */
export async function lastDrills(pool: pg.Pool): Promise<DrillRecord[]> {
  const { rows } = await pool.query<{
    runbook: string;
    run: string;
    state: RunState;
    ended_at: Date;
    recovery: RecoveryView | null;
    well_at: Date | null;
  }>({
    name: 'drills-last',
    text: `SELECT DISTINCT ON (runbook) runbook, run, state, ended_at, recovery,
                  (SELECT max(well.ended_at) FROM runbook.runs well
                    WHERE well.drill AND well.runbook = runs.runbook AND well.state = 'succeeded'
                      AND coalesce(well.recovery ->> 'met', 'true') = 'true') AS well_at
           FROM runbook.runs runs WHERE drill AND ended_at IS NOT NULL
           ORDER BY runbook, started_at DESC, no DESC`,
  });
  return rows.map(({ ended_at, well_at, ...row }) => ({
    ...row,
    endedAt: ended_at.toISOString(),
    wellAt: well_at?.toISOString() ?? null,
  }));
}
