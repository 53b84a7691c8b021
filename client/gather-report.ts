import type { Report } from './report/report.js';
import { isRecordAway } from './errors.js';
import { linkOf } from './link.js';
import type { RunReading } from './read-run.js';
import type { Session } from './session.js';

/**
 * Collects the data of a report; attempts and timeline come from the record, when it answers.
 */
export async function gatherReport(
  session: Session,
  { view, runId }: RunReading,
): Promise<{ report: Report; note: string | null }> {
  const uiUrl = await linkOf(session, view, runId);
  const report: Report = {
    view: { ...view, uiUrl },
    attempts: [],
    history: [],
    generatedAt: new Date().toISOString(),
    uiUrl,
  };
  const pool = await session.record();
  if (!pool)
    return {
      report,
      note:
        'The address of the record is not configured ' +
        '(RUNBOOK_DATABASE_URL): attempts are left out.',
    };
  const { getAttempts, getRun, history } = await import('../store/index.js');
  const key = { run: view.id, firstRunId: view.firstRunId };
  try {
    const recorded = view.source === 'record' ? view : await getRun(pool, key);
    const formerEnds = recorded?.formerEnds;
    return {
      report: {
        ...report,
        ...(formerEnds ? { view: { ...report.view, formerEnds } } : {}),
        attempts: await getAttempts(pool, key),
        history: await history(pool, key),
      },
      note: null,
    };
  } catch (error) {
    if (!isRecordAway(error)) throw error;
    return { report, note: 'The record in PostgreSQL does not answer: attempts are left out.' };
  }
}
