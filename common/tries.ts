import { actionRules, isActionKind, type Action, type StepKind } from '../language/kinds/index.js';
import type { StepSpec } from '../language/runbook.js';
import type { Json } from '../language/json.js';
import type { FailureType, failureTypes } from './failures.js';

/*
 * How often a step is tried: decided here, and nowhere else. What had no effect is tried again
 * whatever the step does. What may have had one is tried once, unless the step says that it may be
 * done again: by `retry`, because it only reads, or because it says that twice is as good as once.
 */

/** What holds where a step says nothing of `retry`. */
export const defaultRetry = { attempts: 3, initialMs: 1_000, factor: 2, maxMs: 30_000 } as const;

type Passing = {
  [T in FailureType]: (typeof failureTypes)[T] extends 'transient' ? T : never;
}[FailureType];

/** What a failure that can pass proves of the attempt: that it had no effect, or nothing. */
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
  /** The action itself was done: what failed came after it. */
  acted: boolean;
  /** Whoever was asked said that nothing was done. */
  nothingDone: boolean;
}

/** Is it proved that the attempt had no effect? */
export function hadNoEffect({ type, kind, acted, nothingDone }: FailedAttempt): boolean {
  if (acted) return false;
  // A transaction that was not committed is rolled back; one that may have been is OutcomeUnknown.
  if (nothingDone || (isActionKind(kind) && actionRules(kind).isAtomic)) return true;
  return (proves as Partial<Record<string, string>>)[type] === 'no effect';
}

/** May the action simply be done again when nobody knows whether it was done? */
export function isRepeatable(
  step: Pick<StepSpec, 'kind' | 'effect'>,
  action: Action | Readonly<Record<string, Json>> | undefined,
): boolean {
  const said = (action ?? {}) as Partial<Action>;
  // An undo is often of another kind than its step.
  const kind = said.kind ?? step.kind;
  return step.effect === 'read' || (isActionKind(kind) && actionRules(kind).isRepeatable(said));
}

export interface Tries {
  /** Attempts in all, where each is proved to have had no effect. */
  attempts: number;
  /** Attempts in all before one that may have had its effect is the last. */
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

/** The same in words, for a plan; empty for what people do and for steps that only hold others. */
export function triesWords(step: StepSpec): string {
  if (!isActionKind(step.kind)) return '';
  const { attempts, onceActed } = triesOf(step, step.work?.action);
  if (attempts === 1) return 'once';
  return onceActed === attempts ? `up to ${attempts}x` : 'once *';
}

/** What `triesWords` marks with a star. */
export const onceWords = `* Tried once. An attempt that is proved to have done nothing is tried again, up to ${defaultRetry.attempts} times in all.`;
