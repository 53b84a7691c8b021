import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { TemporalPause } from '../common/temporal-pauses.js';
import { jsonText } from './clean.js';

/** A run as Temporal has it now. */
export interface LookedAt {
  key: RunKey;
  /** What is paused of it. */
  pauses: readonly TemporalPause[];
}

/**
 * Records what was paused in Temporal itself, and what is not any more: it writes no event there,
 * so no run can say it.
 */
export async function notePauses(pool: pg.Pool, runs: readonly LookedAt[]): Promise<void> {
  if (runs.length === 0) return;
  await pool.query({
    name: 'pauses-note',
    text: `WITH looked AS (
             SELECT r.no, l.pauses FROM json_to_recordset($1::json) AS l (run text,
               "firstRunId" text, pauses json)
             JOIN runbook.runs r ON r.run = l.run AND r.first_run_id = l."firstRunId"
           ), seen AS (
             SELECT l.no, coalesce(p.step, '') AS step, p.since, p.by, p.reason, p.next
             FROM looked l CROSS JOIN LATERAL json_to_recordset(l.pauses) AS p (step text,
               since timestamptz, by text, reason text, next text)
           ), over AS (
             UPDATE runbook.pauses p SET over_at = clock_timestamp() FROM looked l
             WHERE p.run_no = l.no AND p.over_at IS NULL AND NOT EXISTS (SELECT FROM seen s
               WHERE s.no = p.run_no AND s.step = p.step)
           )
           INSERT INTO runbook.pauses (run_no, step, number, since, paused_by, reason, command)
           SELECT s.no, s.step, 1 + coalesce((SELECT max(p.number) FROM runbook.pauses p
             WHERE p.run_no = s.no AND p.step = s.step), 0),
                  coalesce(s.since, clock_timestamp()), s.by, s.reason, s.next
           FROM seen s
           WHERE NOT EXISTS (SELECT FROM runbook.pauses p WHERE p.run_no = s.no AND p.step = s.step
             AND p.over_at IS NULL)
           ON CONFLICT DO NOTHING`,
    values: [jsonText(runs.map(({ key, pauses }) => ({ ...key, pauses })))],
  });
}
