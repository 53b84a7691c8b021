import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { Verdict } from '../common/envelope.js';
import { messageNames } from '../common/defaults.js';
import type { RunView } from '../common/view.js';

/**
 * Carries one DecisionEnvelope. Typed `unknown`: anybody may send it, so the run checks the shape.
 */
export const decideSignal = defineSignal<[unknown]>(messageNames.decide);

/**
 * Asks the run to continue as new at its next border: sent when a new release of the code is
 * current.
 */
export const borderSignal = defineSignal(messageNames.border);

/**
 * Tells the run that it was moved to other code. It checks at once whether its open questions are
 * still valid.
 */
export const movedSignal = defineSignal(messageNames.moved);

/**
 * Tells the run that another one may have taken a target over from it. The record says whether that
 * is so.
 */
export const lostSignal = defineSignal(messageNames.lost);

/** The run as `runbook status` shows it. */
export const statusQuery = defineQuery<RunView>(messageNames.status);

/** The verdict on the decision with this id; null while it is judged or when it never arrived. */
export const verdictQuery = defineQuery<Verdict | null, [string]>(messageNames.verdict);
