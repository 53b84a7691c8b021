import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Json } from '../language/json.js';
import type { SqlAction } from '../language/kinds/sql.js';
import type { TargetDeclaration } from '../language/targets-file.js';
import { StepFailure } from './failure.js';
import type { AttemptContext, ClaimInRecord, Handler } from './handler.js';
import { isRecordAway, recordAway } from './record-reachable.js';
import { cancelOnAbort, connect, reachedBy } from './sql-connect.js';
import { asStepFailure } from './sql-failure.js';
import { settled } from './step-outputs.js';
import { answersOf, configure, settingsOf } from './sql-statements.js';
import { answersOfReads } from './sql-reads.js';
import { begin } from './sql-begin.js';
import {
  endSessionBefore,
  keepTransactionId,
  provedOutput,
  sessionName,
  systemOf,
  transactionOf,
  wasRefused,
  type SqlEvidence,
} from './sql-outcome.js';

/** How long the server is polled for the outcome of an unanswered COMMIT, in milliseconds. */
const askAfterCommitMs = 15_000;
/**
 * How long a transaction of a stalled worker may lock its claim before COMMIT, in milliseconds:
 * others wait for it.
 */
const claimHeldMs = 3_000;

/**
 * Runs statements in one transaction on the target, each with its values as parameters. A step of
 * effect `read` cannot write. Statement and lock time-outs are always set; on abort the statement
 * is cancelled in the server before this returns. One connection per attempt, always closed. A
 * transaction that may have been committed is never repeated: the server is asked for its outcome.
 * On the record's own database effect and claim are one transaction, and the claim is the proof.
 */
export const sql: Handler<'sql'> = async (action, context) => {
  const target = reachedBy(action, context);
  const reads = await answersOfReads(action, context);
  const newConnection = (): Promise<pg.Client> => connect(target, context);
  const client = await newConnection();
  const release = cancelOnAbort(target, context, client);
  try {
    if (context.signal.aborted) throw context.signal.reason;
    if (action.transaction === 'none') return await withoutTransaction(client, action, context);
    if (context.effect === 'read')
      return await inTransaction(client, action, context, newConnection, reads);
    if (context.resumedFrom !== null) {
      await endSessionBefore(client, sessionName(context.key));
      const output = await provedOutput(client, context.evidence);
      if (output !== undefined) return output;
      context.assertLeaseHeld?.();
    }
    return await inTransaction(client, action, context, newConnection);
  } catch (error) {
    if (error instanceof CommitUnanswered && error.evidence.together)
      throw recordAway('the next attempt sees whether the step is done');
    if (error instanceof CommitUnanswered) return await answerAfterCommit(error, target, context);
    if (isRecordAway(error)) throw error;
    if (context.signal.aborted) throw context.signal.reason;
    throw asStepFailure(error, target, context);
  } finally {
    release();
    await client.end().catch(() => undefined);
  }
};

async function inTransaction(
  client: pg.Client,
  action: SqlAction,
  context: AttemptContext,
  newConnection: () => Promise<pg.Client>,
  reads: readonly Json[] = [],
): Promise<Json> {
  const claim =
    context.effect !== 'read' && (await context.claim?.isHere(client)) ? context.claim : undefined;
  const system = context.effect === 'read' || claim ? null : await systemOf(client);
  await client.query(
    begin[context.effect === 'read' ? 'read' : 'write'][action.isolation ?? 'read committed'],
  );
  await configure(client, settingsOf(action, context), true);
  // Before COMMIT: an unexpected result is rolled back when the connection closes.
  const answer = settled(context, await answersOf(client, action, reads), 'undone');
  if (context.effect === 'read') {
    await client.query('COMMIT');
    return answer;
  }
  const evidence = claim ? together(answer) : await proof(client, system, answer, newConnection);
  const isOurs = claim
    ? await writeClaim(client, claim, evidence)
    : await context.keepEvidence(evidence as unknown as Json);
  if (!isOurs) {
    throw new StepFailure(
      'WorkerLost',
      'this attempt was taken over by another worker; its transaction was rolled back',
    );
  }
  try {
    await client.query('COMMIT');
  } catch (error) {
    // An error that the server itself sent says that nothing was committed (deferred constraints).
    if (wasRefused(error)) throw error;
    throw new CommitUnanswered(evidence);
  }
  return answer;
}

/**
 * Runs statements that PostgreSQL refuses inside a transaction. What one of them has done stays.
 * When the connection breaks nobody knows its outcome: only what is idempotent is run again.
 */
async function withoutTransaction(
  client: pg.Client,
  action: SqlAction,
  context: AttemptContext,
): Promise<Json> {
  const isRead = context.effect === 'read';
  if (!isRead && context.resumedFrom !== null) {
    await endSessionBefore(client, sessionName(context.key));
    if (action.idempotent !== true)
      throw outcomeUnknown('the worker died while a statement was under way');
    context.assertLeaseHeld?.();
  }
  const settings = settingsOf(action, context);
  await configure(
    client,
    isRead ? { ...settings, default_transaction_read_only: 'on' } : settings,
    false,
  );
  try {
    return settled(context, await answersOf(client, action), 'stands');
  } catch (error) {
    const isSaid = error instanceof StepFailure || wasRefused(error);
    if (isRead || isSaid || action.idempotent === true || context.signal.aborted) throw error;
    throw outcomeUnknown('the connection broke while a statement was under way');
  }
}

function outcomeUnknown(why: string): StepFailure {
  return new StepFailure('OutcomeUnknown', `${why}, and there was no transaction`, {
    next: 'Look into the database for what the step does; then retry it, skip it, or mark it done.',
  });
}

/**
 * The xid is a placeholder: an older worker, which only knows ids, must not read "nothing was
 * written".
 */
function together(output: Json): SqlEvidence {
  return { together: true, system: null, xid: 'together', output };
}

async function proof(
  client: pg.Client,
  system: string | null,
  output: Json,
  newConnection: () => Promise<pg.Client>,
): Promise<SqlEvidence> {
  const xid = await transactionOf(client);
  const isKept = xid === null || (await keepTransactionId(client, newConnection));
  return { system: isKept ? system : null, xid, output };
}

/**
 * From here to COMMIT the claim is locked: a worker that takes the attempt over waits for its end.
 */
async function writeClaim(
  client: pg.Client,
  claim: ClaimInRecord,
  evidence: SqlEvidence,
): Promise<boolean> {
  await client.query("SELECT set_config('idle_in_transaction_session_timeout', $1, true)", [
    String(claimHeldMs),
  ]);
  return claim.keep(client, evidence as unknown as Json);
}

/** The connection broke while COMMIT was under way. */
class CommitUnanswered extends Error {
  constructor(readonly evidence: SqlEvidence) {
    super('COMMIT was not answered');
  }
}

/** Polls the server for the outcome of the transaction. @throws StepFailure */
async function answerAfterCommit(
  { evidence }: CommitUnanswered,
  target: TargetDeclaration,
  context: AttemptContext,
): Promise<Json> {
  const until = Date.now() + askAfterCommitMs;
  for (;;) {
    if (!(await context.keepEvidence(evidence as unknown as Json))) {
      throw new StepFailure(
        'WorkerLost',
        'this attempt was taken over by another worker, which finds out its outcome',
      );
    }
    try {
      const client = await connect(target, context);
      try {
        await endSessionBefore(client, sessionName(context.key));
        const output = await provedOutput(client, evidence as unknown as Json);
        if (output !== undefined) return output;
        throw new StepFailure(
          'SqlTransient',
          'the connection broke during COMMIT, and the transaction was rolled back',
        );
      } finally {
        await client.end().catch(() => undefined);
      }
    } catch (error) {
      const failure = asStepFailure(error, target, context);
      if (failure.type !== 'Unreachable' && failure.type !== 'SqlTransient') throw failure;
      if (failure.type === 'SqlTransient' && /rolled back/.test(failure.message)) throw failure;
      if (Date.now() > until || context.signal.aborted) {
        throw new StepFailure(
          'OutcomeUnknown',
          'the connection broke during COMMIT, and the database has not answered since',
          {
            next:
              'When it is back, look for what the step writes; ' +
              'then retry it, skip it, or mark it done.',
          },
        );
      }
      await delay(200);
    }
  }
}
