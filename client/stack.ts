import type pg from 'pg';
import type { Temporal } from './connect.js';
import { MixedStacks } from './mixed-stacks.js';
import { patience } from './settings.js';
import { withinMs } from './within-ms.js';

/** Milliseconds for both answers: what does not answer is another command's trouble. */
const patienceMs = 2_000;
/** A namespace that a worker compared with the record within this many milliseconds is in use. */
const inUseMs = 600_000;

/**
 * Whether a Temporal namespace and a record belong together: workers compare the two all the time,
 * and note it in the record by the namespace's own id.
 * @returns the namespace that the record belongs to instead; null when nothing speaks against it
 */
export async function otherNamespace(
  temporal: Temporal,
  pool: pg.Pool,
): Promise<{ namespace: string; worker: string; silentMs: number } | null> {
  const { comparisons, hasRunsOf } = await import('../store/index.js');
  const [{ namespaceInfo }, watched] = await Promise.all([
    temporal.within(patienceMs, () =>
      temporal.connection.workflowService.describeNamespace({ namespace: temporal.namespace }),
    ),
    comparisons(pool),
  ]);
  const id = namespaceInfo?.id ?? '';
  const [latest] = watched;
  if (!id || !latest || watched.some((each) => each.namespaceId === id)) return null;
  // One that was lost may still be there in the record; it keeps nobody from reading.
  if (latest.silentMs > inUseMs || (await hasRunsOf(pool, id))) return null;
  return latest;
}

/** @throws MixedStacks when they do not belong together */
export async function refuseMixed(
  temporal: Temporal,
  pool: pg.Pool,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const compared = otherNamespace(temporal, pool).catch(() => null);
  const other = await withinMs(compared, patienceMs * patience(env));
  if (!other) return;
  throw new MixedStacks(mixedWords(temporal, other), mixedFix);
}

/** What is wrong, in the middle of a sentence. */
export function mixedWords(
  { address, namespace }: Temporal,
  { namespace: other, worker }: { namespace: string; worker: string },
): string {
  return (
    `no worker of the Temporal namespace ${namespace} at ${address} uses this record, and ` +
    `${worker} uses it with another namespace, called ${other}`
  );
}

export const mixedFix =
  'Name the Temporal server and the record of one stack: TEMPORAL_ADDRESS or --address, and ' +
  'RUNBOOK_DATABASE_URL. Without either, the running dev is used for both.';
