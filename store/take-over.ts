import type pg from 'pg';
import { hostOfPlace } from '../common/queues.js';
import type { Json } from '../language/json.js';
import { actionKinds, actionRules } from '../language/kinds/index.js';
import { lockRun } from './find-run.js';
import { inTransaction } from './transaction.js';
import type { AttemptStart } from './attempt-start.js';

/**
 * The host that must be asked about an attempt of this place; null when this worker may resume it.
 */
export function otherHost(
  place: string,
  name: string | null,
  asking: Pick<AttemptStart, 'place' | 'hostBound' | 'hostGone'>,
): { id: string; name: string } | null {
  const id = hostOfPlace(place);
  if (!asking.hostBound || id === hostOfPlace(asking.place ?? '') || id === asking.hostGone)
    return null;
  return { id, name: name ?? id };
}

/**
 * Takes over a running attempt whose result nobody waits for any more, so that its command can be
 * ended.
 * @returns `ran` when none runs: how many attempts there were; `elsewhere` when it is a command of
 *   another host, which must end it
 */
export function adoptAttempt(
  pool: pg.Pool,
  start: Pick<AttemptStart, 'key' | 'step' | 'worker' | 'place' | 'hostGone'>,
): Promise<
  | { attempt: number; fence: number; place: string | null; elsewhere?: undefined }
  | { elsewhere: { id: string; name: string } }
  | { ran: number; elsewhere?: undefined }
> {
  return inTransaction(pool, async (client) => {
    const no = await lockRun(client, start.key);
    const open = await client.query<{ place: string | null; host: string; command: boolean }>({
      name: 'attempts-open',
      text: `SELECT a.place, a.host, s.kind = ANY ($3) AS command
             FROM runbook.attempts a JOIN runbook.steps s ON s.run_no = a.run_no AND s.path = a.path
             WHERE a.run_no = $1 AND a.path = $2 AND a.state = 'running'`,
      values: [no, start.step, actionKinds.filter((kind) => actionRules(kind).runsPrograms)],
    });
    const [found] = open.rows;
    const elsewhere =
      found?.place && otherHost(found.place, found.host, { ...start, hostBound: found.command });
    if (elsewhere) return { elsewhere };
    const { rows } = await client.query<{ attempt: number; fence: number; place: string | null }>({
      name: 'attempts-adopt',
      text: `UPDATE runbook.attempts SET fence = fence + 1, worker = $3 WHERE run_no = $1 AND path = $2 AND state = 'running'
             RETURNING attempt, fence, place`,
      values: [no, start.step, start.worker],
    });
    if (rows[0]) return rows[0];
    const before = await client.query<{ ran: number }>({
      name: 'attempts-ran',
      text: `SELECT coalesce(max(attempt), 0) AS ran FROM runbook.attempts
             WHERE run_no = $1 AND path = $2`,
      values: [no, start.step],
    });
    return { ran: before.rows[0]?.ran ?? 0 };
  });
}

/**
 * The place stays that of the first worker, where the command runs. Its output will be shipped
 * again from the start.
 */
export async function takeOver(
  client: pg.PoolClient,
  no: string,
  start: AttemptStart,
  attempt: number,
): Promise<Json> {
  await lockRun(client, start.key);
  const { rows } = await client.query<{ evidence: Json }>({
    name: 'attempts-take-over',
    text: `UPDATE runbook.attempts SET fence = fence + 1, worker = $4, temporal_attempt = $5, execution = $6
           WHERE run_no = $1 AND path = $2 AND attempt = $3 RETURNING evidence`,
    values: [
      no,
      start.step,
      attempt,
      start.worker,
      start.temporalAttempt,
      start.execution?.runId ?? null,
    ],
  });
  for (const table of ['output', 'output_totals']) {
    await client.query({
      name: `${table}-again`,
      text: `DELETE FROM runbook.${table} WHERE run_no = $1 AND path = $2 AND attempt = $3`,
      values: [no, start.step, attempt],
    });
  }
  return rows[0]?.evidence ?? null;
}
