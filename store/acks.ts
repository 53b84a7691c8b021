import type pg from 'pg';
import { isRequester } from '../common/operator.js';
import { mayRequesterAnswer, type Answers } from '../common/questions.js';
import type { Sender } from '../common/sender.js';
import { jsonText } from './clean.js';
import { findRun } from './find-run.js';
import type { Connection } from './transaction.js';

/** A call of a run that somebody has taken. */
export interface TakenCall {
  /** The gate, the step's path, or `pause:` and a path. */
  call: string;
  title: string;
  /** ISO time of the record's clock. */
  at: string;
  /** Who had taken it before; null: nobody, or the same person. */
  before: string | null;
}

/**
 * SQL that selects from the last taking of a call, as `k`.
 * @param of name of a row that has the call
 * @param call its column with the call's id
 */
export function lastAck(columns: string, of: string, call = 'call'): string {
  return `SELECT ${columns} FROM runbook.acks k
          WHERE k.run_no = ${of}.run_no AND k.call = ${of}.${call} AND k.attempt = ${of}.attempt
          ORDER BY k.at DESC LIMIT 1`;
}

/** An open call, as far as it says who may answer it. */
interface OpenCall {
  call: string;
  title: string;
  requester: string;
  /** Null for a pause, which anybody ends. */
  question: Answers | null;
}

async function openCalls(pool: pg.Pool, no: string): Promise<OpenCall[]> {
  const { rows } = await pool.query<OpenCall>({
    name: 'acks-open',
    text: `SELECT c.call, c.title, r.requester,
                  CASE WHEN w.kind IS NOT NULL THEN json_build_object('kind', w.kind,
                    'verbs', w.verbs, 'deciders', w.deciders) END AS question
           FROM runbook.calls c JOIN runbook.runs r ON r.no = c.run_no
           LEFT JOIN runbook.waits w ON w.run_no = c.run_no AND w.about_id = c.call
             AND w.attempt = c.attempt
           WHERE c.run_no = $1 AND c.closed_at IS NULL`,
    values: [no],
  });
  return rows;
}

/** Whether somebody who takes it could answer it: else those who can would hear of it no more. */
function canAnswer({ requester, question }: OpenCall, by: string): boolean {
  return question === null || !isRequester(by, requester) || mayRequesterAnswer(question);
}

/**
 * Records that somebody has taken what the run waits for now: reminders of it stop. It decides
 * nothing, so the run is not told. What the person may not answer is not taken.
 * @returns what was taken, and what was not; both are empty when the run waits for nobody, null
 *   when the record has no such run
 */
export async function takeCalls(
  pool: pg.Pool,
  run: string,
  person: { by: string; sender?: Sender },
): Promise<{ taken: TakenCall[]; refused: Pick<OpenCall, 'call' | 'title'>[] } | null> {
  const no = await findRun(pool, run);
  if (no === null) return null;
  const open = await openCalls(pool, no);
  const own = open.filter((each) => canAnswer(each, person.by)).map(({ call }) => call);
  const refused = open.filter(({ call }) => !own.includes(call));
  return { taken: await take(pool, no, own, person), refused };
}

async function take(
  pool: pg.Pool,
  no: string,
  calls: readonly string[],
  { by, sender }: { by: string; sender?: Sender },
): Promise<TakenCall[]> {
  const { rows } = await pool.query<Omit<TakenCall, 'at'> & { at: Date }>({
    name: 'acks-take',
    text: `WITH open AS (
             SELECT c.call, c.attempt, c.title, c.since,
                    (${lastAck('nullif(k.taken_by, $2)', 'c')}) AS before
             FROM runbook.calls c
             WHERE c.run_no = $1 AND c.closed_at IS NULL AND c.call = ANY ($4)
           ), taken AS (
             INSERT INTO runbook.acks (run_no, call, attempt, taken_by, sender)
             SELECT $1, call, attempt, $2, $3::json FROM open RETURNING call, attempt, at
           )
           SELECT open.call, open.title, taken.at, open.before
           FROM open JOIN taken USING (call, attempt) ORDER BY open.since, open.call`,
    values: [no, by, sender ? jsonText(sender) : null, calls],
  });
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}

/** A call of a run, as somebody has taken it. */
export interface Ack {
  call: string;
  by: string;
  sender?: Sender;
  /** ISO time. */
  at: string;
}

/** Every taking of a call of the run, in order. */
export async function readAcks(pool: Connection, no: string): Promise<Ack[]> {
  const { rows } = await pool.query<
    Omit<Ack, 'at' | 'sender'> & { at: Date; sender: Sender | null }
  >({
    name: 'acks-read',
    text: `SELECT call, taken_by AS by, sender, at FROM runbook.acks
           WHERE run_no = $1 ORDER BY at, call`,
    values: [no],
  });
  return rows.map(({ sender, at, ...row }) => ({
    ...row,
    ...(sender ? { sender } : {}),
    at: at.toISOString(),
  }));
}
