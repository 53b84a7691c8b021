import { uiLink } from '../common/ui-link.js';
import type { RunView } from '../common/view.js';
import type { Session } from './session.js';

/**
 * The run's page in the Temporal UI: its details while it waits, else its history.
 * @param runId Temporal's id of the execution; without it the first one's
 */
export async function linkOf(
  session: Session,
  view: RunView,
  runId: string | null,
): Promise<string> {
  const { namespace } = await session.temporal();
  const page = view.waitingFor.length > 0 ? 'user-metadata' : 'history';
  return uiLink(session.uiUrl, namespace, view.id, runId ?? view.firstRunId, page);
}
