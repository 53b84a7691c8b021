import type { JsonObject } from '../../language/json.js';
import { ProcedureStopped } from '../engine/outcome.js';

/** What looking at the new version found; null when a person has passed the look over. */
type Look = { verdict: string; why: string } | null;

/**
 * What the look at the new version says of it. One that a person has passed over says nothing, and
 * holds nobody up.
 * @param looked what the step that looked put out
 * @param when the looks at one release are told apart by it
 * @param leak why its memory grows too fast; null when it does not
 * @throws ProcedureStopped when the new version is bad
 */
export function judged(looked: unknown, when: string, leak: string | null = null): JsonObject {
  const look = looked as Look;
  const why = leak ?? (look?.verdict === 'fail' ? look.why : null);
  if (why !== null)
    throw new ProcedureStopped(
      `the new version is bad ${when}: ${why}`,
      'Correct the release, and deploy it again; this one is taken back by itself.',
    );
  return { verdict: look?.verdict ?? 'passed over', why: look?.why ?? 'a person decided to go on' };
}
