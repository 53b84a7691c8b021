import type { JsonObject } from '../../language/json.js';
import { ProcedureStopped } from '../engine/outcome.js';

/** The analysis of the new version; null when a person skipped the step. */
type Look = { verdict: string; why: string } | null;

/**
 * Judges the new version by its analysis. A skipped analysis does not stop the deployment.
 * @param looked output of the analysis step
 * @param when says in messages which analysis of the release it was
 * @param leak why its memory grows too fast; null when it does not
 * @throws ProcedureStopped when the new version is bad
 */
export function judged(looked: unknown, when: string, leak: string | null = null): JsonObject {
  const look = looked as Look;
  const why = leak ?? (look?.verdict === 'fail' ? look.why : null);
  if (why !== null)
    throw new ProcedureStopped(
      `the new version is bad ${when}: ${why}`,
      'Correct the release, and deploy it again; this one is rolled back by itself.',
    );
  return { verdict: look?.verdict ?? 'passed over', why: look?.why ?? 'a person decided to go on' };
}
