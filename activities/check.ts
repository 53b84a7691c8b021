import { setTimeout as delay } from 'node:timers/promises';
import { describeCondition, holds, valueAt } from '../language/condition.js';
import { failureTypes } from '../common/failures.js';
import type { Json, JsonObject } from '../language/json.js';
import type { CheckAction } from '../language/runbook.js';
import { StepFailure } from './failure.js';
import type { AttemptContext, Handler } from './handler.js';

/** The kinds that a check can ask. */
export interface Probes {
  command: Handler<'command'>;
  sql: Handler<'sql'>;
  http: Handler<'http'>;
}

/**
 * Asks again and again until the condition holds. An answer that does not come is tolerated until the attempt's time is
 * over; one that no waiting can change (a refused token) ends the check at once.
 */
export async function check(
  action: CheckAction,
  context: AttemptContext,
  probes: Probes,
): Promise<Json> {
  // Polls are not output: only the last answer counts.
  const quiet: AttemptContext = { ...context, effect: 'read', output: () => undefined };
  let lastSeen = 'nothing was answered yet';
  for (let polls = 1; ; polls += 1) {
    try {
      const answer = await ask(action.probe, { ...quiet, poll: polls, resumedFrom: null }, probes);
      if (holds(action.until, answer)) return merge(answer, polls);
      if (action.failWhen && holds(action.failWhen, answer)) {
        throw new StepFailure(
          'CheckFailed',
          `what was waited for cannot come any more: ${describeCondition(action.failWhen)}`,
        );
      }
      context.progress({ polls, ...progressOf(action, answer) });
      lastSeen = JSON.stringify(progressOf(action, answer)).slice(0, 300);
    } catch (error) {
      if (context.signal.aborted) throw outOfTime(context, action, lastSeen);
      if (!(error instanceof StepFailure) || failureTypes[error.type] === 'permanent') throw error;
      lastSeen = error.message;
      context.progress({ polls, trouble: error.message });
    }
    try {
      await delay(action.everyMs, undefined, { signal: context.signal });
    } catch {
      throw outOfTime(context, action, lastSeen);
    }
  }
}

function ask(probe: CheckAction['probe'], context: AttemptContext, probes: Probes): Promise<Json> {
  switch (probe.kind) {
    case 'command':
      return probes.command(probe, context);
    case 'sql':
      return probes.sql(probe, context);
    case 'http':
      return probes.http(probe, context);
  }
}

function progressOf(action: CheckAction, answer: Json): JsonObject {
  return Object.fromEntries(
    (action.progress ?? []).map((path) => [path, (valueAt(answer, path) ?? null) as Json]),
  );
}

function merge(answer: Json, polls: number): Json {
  return answer !== null && typeof answer === 'object' && !Array.isArray(answer)
    ? { ...answer, polls }
    : { answer, polls };
}

/** A time-out says what was waited for and what was last seen; a cancellation stays one. */
function outOfTime(context: AttemptContext, action: CheckAction, lastSeen: string): unknown {
  const reason: unknown = context.signal.reason;
  if (!(reason instanceof StepFailure)) return reason;
  return new StepFailure(
    'StepTimeout',
    `waited ${context.timeoutMs / 1000} s in vain until ${describeCondition(action.until)}; last seen: ${lastSeen}`,
  );
}
