import type { WorkflowHandle } from '@temporalio/client';
import type { DecisionEnvelope } from '../../common/envelope.js';
import type { WorkerProcess } from '../../examples/demo/worker.js';
import type { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';

export interface Asking {
  handle: WorkflowHandle;
  decision: DecisionEnvelope;
}

/** A run that has come to its gate, with the decision that it waits for. */
export async function asking(engine: Engine, journal: string): Promise<Asking> {
  const handle = await engine.run('test-gated', {
    journal,
    last: '["/usr/bin/true"]',
    first_change: false,
  });
  return { handle, decision: await engine.decision(handle) };
}

/**
 * How long a death holds people and runs up.
 * @returns milliseconds from the worker's death until each of the runs has begun or ended an
 *   attempt, or is over, and until the decision was judged; the longest of them
 */
export async function standstill(
  engine: Engine,
  runs: readonly WorkflowHandle[],
  { handle, decision }: Asking,
  worker: WorkerProcess,
): Promise<number> {
  await engine.loseWorker(worker);
  const at = Date.now();
  const next = engine.startWorker();
  const decided = engine.send(handle, decision).then(() => Date.now() - at);
  const ids = runs.map(({ workflowId }) => workflowId);
  const gone = until(
    'every run to go on',
    async () => {
      const { rows } = await engine.pool.query<{ over: boolean; moved: Date | null }>(
        `SELECT r.ended_at IS NOT NULL AS over, min(e.at) FILTER (WHERE e.at > $2) AS moved
         FROM runbook.runs r LEFT JOIN runbook.attempts a ON a.run_no = r.no
           LEFT JOIN LATERAL (VALUES (a.started_at), (a.ended_at)) AS e (at) ON true
         WHERE r.run = ANY($1) GROUP BY r.no`,
        [ids, new Date(at)],
      );
      const still = rows.some(({ over, moved }) => !over && moved === null);
      return (
        !still && { ms: Math.max(0, ...rows.map(({ moved }) => (moved?.getTime() ?? at) - at)) }
      );
    },
    60_000,
    200,
  );
  const [{ ms }, decidedMs] = await Promise.all([gone, decided, next]);
  return Math.max(ms, decidedMs);
}
