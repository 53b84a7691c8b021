import { endStates, type RunView } from '../common/view.js';
import { cleanText, jsonText } from './clean.js';

export const runColumns = `run, first_run_id, runbook, runbook_version, title, type, priority, targets,
  state, plan_digest, requester, reason, started_at, ended_at, ui_url, inputs, outputs, problem,
  drill, recovery, probed, drifted, programs_changed, sender`;

export function runValues(view: RunView): unknown[] {
  const ended = endStates.has(view.state);
  return [
    view.id,
    view.firstRunId,
    view.runbook,
    view.runbookVersion,
    view.title,
    view.type,
    view.priority,
    view.targets,
    view.state,
    view.planDigest,
    cleanText(view.requester),
    cleanText(view.reason),
    view.startedAt,
    ended ? (view.endedAt ?? new Date().toISOString()) : null,
    view.uiUrl,
    jsonText(view.inputs),
    jsonText(view.outputs),
    jsonText(view.problem),
    view.drill ?? false,
    jsonText(view.recovery ?? null),
    view.probed ?? [],
    view.drifted ?? [],
    view.programsChanged ? jsonText(view.programsChanged) : null,
    view.sender ? jsonText(view.sender) : null,
  ];
}

export const runParameters = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::timestamptz,
  $14::timestamptz, $15, $16::json, $17::json, $18::json, $19, $20::json, $21::text[], $22::text[],
  $23::json, $24::json`;

export function numberOf(rows: { no: string }[]): string {
  const no = rows[0]?.no;
  if (no === undefined) throw new Error('the database returned no row for an insert');
  return no;
}
