import { actionRules, isActionKind, type Action, type StepKind } from '../language/kinds/index.js';
import type { StepSpec } from '../language/runbook.js';
import type { Json } from '../language/json.js';
import type { FailureType, failureTypes } from './failures.js';

/*
 * How often a step is tried: decided here, and nowhere else. An attempt without an effect is always
 * retried. One that may have had an effect is not, unless the step declares `retry`, only reads, or
 * declares itself idempotent.
 */

/** The default where a step declares no `retry`. */
export const defaultRetry = { attempts: 3, initialMs: 1_000, factor: 2, maxMs: 30_000 } as const;

type Passing = {
  [T in FailureType]: (typeof failureTypes)[T] extends 'transient' ? T : never;
}[FailureType];

/** What a transient failure proves about its attempt: that it had no effect, or nothing. */
const proves = {
  HttpUnavailable: 'nothing',
  Unreachable: 'no effect',
  NoAnswer: 'nothing',
  SqlTransient: 'no effect',
  CommandFailed: 'nothing',
  CommandNotStarted: 'no effect',
  StepTimeout: 'nothing',
  NotDone: 'no effect',
} as const satisfies Record<Passing, 'no effect' | 'nothing'>;

/** How an attempt failed. */
export interface FailedAttempt {
  type: string;
  kind: StepKind;
  /** The action itself was done: something after it failed. */
  acted: boolean;
  /** What it did before it failed stays: there was no transaction. */
  stays?: boolean;
  /** The other side said that nothing was done. */
  nothingDone: boolean;
}

/** Whether the attempt is proved to have had no effect. */
export function hadNoEffect({ type, kind, acted, stays, nothingDone }: FailedAttempt): boolean {
  if (acted) return false;
  if (stays && !nothingDone) return false;
  // A transaction that was not committed is rolled back; one that may have been is OutcomeUnknown.
  if (nothingDone || (isActionKind(kind) && actionRules(kind).isAtomic)) return true;
  return (proves as Partial<Record<string, string>>)[type] === 'no effect';
}

/** Whether the action may be done again when it is unknown whether it was done. */
export function isRepeatable(
  step: Pick<StepSpec, 'kind' | 'effect'>,
  action: Action | Readonly<Record<string, Json>> | undefined,
): boolean {
  const said = (action ?? {}) as Partial<Action>;
  // An undo is often of another kind than its step.
  const kind = said.kind ?? step.kind;
  return step.effect === 'read' || (isActionKind(kind) && actionRules(kind).isRepeatable(said));
}

/** Whether what an attempt has done stays when it fails, though its kind is one transaction. */
export function stays(action: Action): boolean {
  return action.kind === 'sql' && action.transaction === 'none';
}

export interface Tries {
  /** Attempts in all, where each is proved to have had no effect. */
  attempts: number;
  /** Limit of attempts when one may have had its effect. */
  onceActed: number;
}

/** How often a step is tried. @param action what it does, where that is known */
export function triesOf(
  step: Pick<StepSpec, 'kind' | 'effect' | 'retry'>,
  action?: Action | Readonly<Record<string, Json>>,
): Tries {
  const attempts = step.retry?.attempts ?? defaultRetry.attempts;
  const isSaid = step.retry !== undefined || isRepeatable(step, action);
  return { attempts, onceActed: isSaid ? attempts : 1 };
}

/** The same in words, for a plan; empty for manual steps and groups. */
export function triesWords(step: StepSpec): string {
  if (!isActionKind(step.kind)) return '';
  const { attempts, onceActed } = triesOf(step, step.work?.action);
  if (attempts === 1) return 'once';
  return onceActed === attempts ? `up to ${attempts}x` : 'once *';
}

/** What `triesWords` marks with a star. */
export const onceWords =
  '* Tried once. An attempt that is proved to have done nothing is tried again, up to ' +
  `${defaultRetry.attempts} times in all.`;
