import type { Report } from './report/report.js';
import { isRecordAway } from './errors.js';
import { linkOf } from './link.js';
import type { RunReading } from './read-run.js';
import type { Session } from './session.js';

/**
 * Everything that a report is made of; attempts and story come from the record, when it is there.
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
      note: 'Nobody said where the record is (RUNBOOK_DATABASE_URL): attempts are left out.',
    };
  const { getAttempts, history } = await import('../store/index.js');
  const key = { run: view.id, firstRunId: view.firstRunId };
  try {
    return {
      report: {
        ...report,
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
