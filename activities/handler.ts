import type pg from 'pg';
import type { AttemptRequest, Expectation } from '../common/attempt.js';
import type { Json, JsonObject } from '../language/json.js';
import type { Action, ActionKind } from '../language/kinds/index.js';
import type { Effect } from '../language/runbook.js';
import type { AttemptFiles } from './attempt-files.js';
import type { AttemptPrograms } from './attempt-programs.js';
import type { CommandOwner, Commands } from './commands.js';
import type { AttemptSecrets } from './secrets.js';
import type { Targets } from './targets.js';

/**
 * Lets an effect on the record's own database write the attempt's claim in the effect's
 * transaction.
 */
export interface ClaimInRecord {
  /** Is the connection to the record's own database, with the right to write the claim? */
  isHere(client: pg.Client): Promise<boolean>;
  /** As `keepEvidence`, in the open transaction of `client`: written only if that commits. */
  keep(client: pg.Client, evidence: Json): Promise<boolean>;
}

/** What an attempt may use of its surroundings. */
export interface AttemptContext extends CommandOwner {
  /** Workflow id of the run. */
  run: string;
  /** Path of the step, such as `identify/jobs`. */
  step: string;
  /** The commands of this host. */
  commands: Commands;
  /**
   * `<run>/<step>`: the same for every attempt of this step in this run, for Idempotency-Key and
   * application_name.
   */
  key: string;
  effect: Effect;
  /** From 1. */
  attempt: number;
  /** Milliseconds that this attempt may take; `signal` aborts when they are over. */
  timeoutMs: number;
  /**
   * Aborted on cancel, on time-out and on worker shutdown. Handlers end what they started, wait for
   * its end, then throw `signal.reason`.
   */
  signal: AbortSignal;
  targets: Targets;
  secrets: AttemptSecrets;
  /**
   * Evidence of the outcome from the previous worker; null when it kept none, or there was none.
   */
  evidence: Json;
  /**
   * Keeps evidence of the outcome, before the effect. False: another worker has the attempt by now,
   * and this one may have no effect.
   */
  keepEvidence(evidence: Json): Promise<boolean>;
  claim?: ClaimInRecord;
  /** Checks programs before they run. */
  programs: AttemptPrograms;
  /** The files that commands find in their folder. */
  files: AttemptFiles;
  /**
   * Must hold on the answer, and what of it is handed on. `perform` sees to both afterwards; a kind
   * that can still roll back does before. A probe has none of its own.
   */
  expect?: readonly Expectation[];
  outputs?: AttemptRequest['outputs'];
  /**
   * Keeps output: shipped to the record while the step runs, capped there. Redacted by the
   * receiver.
   */
  output(stream: 'stdout' | 'stderr' | 'log', chunk: Uint8Array | string): void;
  /** Shown while the step runs and sent with the next heartbeat; small. */
  progress(details: JsonObject): void;
}

/**
 * Does one attempt of one kind of step. Returns the output (any size up to what the handler itself
 * bounds; the caller caps it for history).
 * @throws StepFailure
 */
export type Handler<K extends ActionKind> = (
  action: Extract<Action, { kind: K }>,
  context: AttemptContext,
) => Promise<Json>;

/** A handler for each kind. */
export type Handlers<Kinds extends ActionKind = ActionKind> = { [K in Kinds]: Handler<K> };
