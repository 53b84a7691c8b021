import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { DecisionEnvelope, Verdict } from '../common/envelope.js';
import type { SignalNote } from '../common/judgement.js';
import { aboutIn, endingVerbs } from '../common/questions.js';
import type { RunKey } from '../common/keys.js';
import { wordsOfSignal } from '../common/signal-words.js';
import { senderIn, type Sender } from '../common/sender.js';
import type { DecisionView } from '../common/view.js';
import { cleanText, firstBytes, jsonText } from './clean.js';
import { lockRun } from './find-run.js';
import { inTransaction, type Connection } from './transaction.js';
import { closeAsked, settleWaits } from './waits.js';

/** Bytes that are kept of a malformed decision. */
const rawBytes = 4_096;
/** Characters that are kept of a field of a decision. */
const fieldLength = 200;
const reasonLength = 2_000;
/** Largest value of an integer column; no question is asked that often. */
const maxInteger = 2_147_483_647;

export interface JudgedDecision {
  /** What arrived: a DecisionEnvelope, or whatever else somebody sent. */
  envelope: unknown;
  verdict: Verdict;
  /** ISO time. */
  receivedAt: string;
}

/**
 * Decisions with their verdicts, refused and malformed ones too. The same message under the same id
 * twice is one row. An accepted approval or rejection closes its gate in the record.
 * @throws NotInRecord
 */
export function recordDecisions(
  pool: pg.Pool,
  key: RunKey,
  decisions: readonly JudgedDecision[],
): Promise<void> {
  if (decisions.length === 0) return Promise.resolve();
  return inTransaction(pool, async (client) => {
    const no = await lockRun(client, key);
    await insertDecisions(client, no, decisions);
    await client.query({
      name: 'decisions-close-steps',
      text: `UPDATE runbook.steps s
             SET state = CASE d.verb WHEN 'approve' THEN 'succeeded' ELSE 'failed' END,
                 ended_at = d.judged_at, attempts = d.attempt,
                 output = CASE d.verb WHEN 'approve' THEN json_build_object('by', d.decided_by, 'reason', d.reason) END
             FROM runbook.decisions d
             WHERE s.run_no = $1 AND s.kind = 'approval' AND s.state IN ('pending', 'waiting')
               AND s.attempts <= d.attempt AND d.run_no = s.run_no AND d.about_id = s.path
               AND d.accepted AND d.decision = ANY ($2)`,
      values: [no, decisions.map(({ verdict }) => cleanText(verdict.decision))],
    });
    const endings = decisions.filter(isEnding).map(({ verdict }) => cleanText(verdict.decision));
    if (endings.length > 0) await closeAsked(client, no, endings);
    await settleWaits(client, no);
  });
}

/** Whether the decision was accepted and ended the run's procedure. */
function isEnding({ envelope, verdict }: JudgedDecision): boolean {
  const { verb, about } = (envelope ?? {}) as Partial<DecisionEnvelope>;
  return verdict.accepted && about === undefined && endingVerbs.some((each) => each === verb);
}

async function insertDecisions(
  client: Connection,
  no: string,
  decisions: readonly JudgedDecision[],
): Promise<void> {
  await client.query({
    name: 'decisions-insert',
    text: `INSERT INTO runbook.decisions (run_no, decision, content, verb, about_kind, about_id,
                  attempt, decided_by, sender, reason, accepted, code, message, received_at,
                  judged_at, envelope, raw)
           SELECT $1, d.decision, d.content, d.verb, d.about_kind, d.about_id, d.attempt,
             d.decided_by, d.sender, d.reason, d.accepted, d.code, d.message, d.received_at,
             d.judged_at, d.envelope, d.raw
           FROM json_to_recordset($2::json)
             AS d (decision text, content text, verb text, about_kind text, about_id text,
                   attempt integer, decided_by text, sender json, reason text, accepted boolean,
                   code text, message text, received_at timestamptz, judged_at timestamptz,
                   envelope json, raw text, place integer)
           ORDER BY d.place
           ON CONFLICT (run_no, decision, content) DO NOTHING`,
    values: [
      no,
      JSON.stringify(decisions.map((decision, place) => ({ ...rowOf(decision), place }))),
    ],
  });
}

/** Records signals that are not decisions. Their senders are only in Temporal's history. */
export function recordSignals(
  client: Connection,
  no: string,
  signals: readonly SignalNote[],
): Promise<void> {
  return insertDecisions(
    client,
    no,
    signals.map(({ id, signal, at }) => ({
      envelope: { signal, verb: signal },
      verdict: {
        decision: id,
        accepted: true,
        code: 'accepted',
        message: messageOf(signal),
        at,
      },
      receivedAt: at,
    })),
  );
}

function messageOf(signal: string): string {
  const words = wordsOfSignal(signal);
  return words === undefined ? '' : `${words}.`;
}

/** The decisions about a run, in the order in which they were judged. */
export async function readDecisions(pool: Connection, no: string): Promise<DecisionView[]> {
  const { rows } = await pool.query<
    Omit<DecisionView, 'at' | 'sender'> & { at: Date; sender: Sender | null }
  >({
    name: 'decisions-read',
    text: `SELECT decision AS id, verb,
                  CASE WHEN about_kind IS NOT NULL
                    THEN json_build_object('kind', about_kind, 'id', about_id) END AS about,
                  decided_by AS by, sender, reason, judged_at AS at, accepted, code, message
           FROM runbook.decisions d WHERE run_no = $1 ORDER BY d.no`,
    values: [no],
  });
  return rows.map(({ sender, ...row }) => ({
    ...row,
    ...(sender ? { sender } : {}),
    at: row.at.toISOString(),
  }));
}

function rowOf({ envelope, verdict, receivedAt }: JudgedDecision): Record<string, unknown> {
  const whole = textOf(envelope);
  const wellFormed = verdict.code !== 'malformed';
  const fields =
    envelope !== null && typeof envelope === 'object' ? (envelope as Record<string, unknown>) : {};
  const text = (field: string, length: number): string => {
    const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
    return typeof value === 'string' ? cleanText(value.slice(0, length)) : '';
  };
  const attempt = fields['attempt'];
  const about = aboutIn(fields['about'], fieldLength);
  return {
    decision: cleanText(verdict.decision),
    content: createHash('sha256').update(whole).digest('hex'),
    verb: text('verb', fieldLength),
    about_kind: about?.kind ?? null,
    about_id: about ? cleanText(about.id) : null,
    attempt:
      wellFormed && Number.isInteger(attempt) && Number(attempt) <= maxInteger ? attempt : null,
    decided_by: text('by', fieldLength),
    sender: senderOf(fields['sender']),
    reason: text('reason', reasonLength),
    accepted: verdict.accepted,
    code: verdict.code,
    message: cleanText(verdict.message),
    received_at: receivedAt,
    judged_at: verdict.at,
    envelope: wellFormed ? (JSON.parse(jsonText(envelope) ?? 'null') as unknown) : null,
    raw: wellFormed ? null : cleanText(firstBytes(whole, rawBytes)),
  };
}

function senderOf(value: unknown): Sender | null {
  const sender = senderIn(value);
  return sender ? { user: cleanText(sender.user), host: cleanText(sender.host) } : null;
}

/**
 * The message as JSON; one that is nested too deep must not prevent recording the rest of its
 * batch.
 */
function textOf(envelope: unknown): string {
  try {
    return JSON.stringify(envelope) ?? 'null';
  } catch {
    return '(cannot be written as JSON)';
  }
}
