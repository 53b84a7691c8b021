import { runsLink, uiLink } from '../common/ui-link.js';
import type { RunView } from '../common/view.js';
import type { Session } from './session.js';

/**
 * The run's page in the Temporal UI.
 * @param runId Temporal's id of the execution; without it the first one's
 */
export async function linkOf(
  session: Session,
  view: RunView,
  runId: string | null,
): Promise<string> {
  const { namespace } = await session.temporal();
  const page = view.source === 'temporal' ? 'user-metadata' : 'timeline';
  return uiLink(session.uiUrl, namespace, view.id, runId ?? view.firstRunId, page);
}

/** The list of runs in the Temporal UI. */
export async function listLinkOf(session: Session): Promise<string> {
  return runsLink(session.uiUrl, (await session.temporal()).namespace);
}
