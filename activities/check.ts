import { setTimeout as delay } from 'node:timers/promises';
import { describeUntil } from '../language/kinds/check.js';
import { valueAt } from '../language/dotted.js';
import { failureTypes } from '../common/failures.js';
import type { Json, JsonObject } from '../language/json.js';
import type { CheckAction } from '../language/kinds/check.js';
import { StepFailure } from './failure.js';
import { longestTimerMs } from './long-timer.js';
import type { AttemptContext, Handler } from './handler.js';
import { judgeAnswer } from './judge-answer.js';
import { judgeOthers } from './judge-others.js';
import { Steady } from './steady.js';
import { TimeLimit } from './time-limit.js';

/** The kinds of step that a check can use as its probe. */
export interface Probes {
  command: Handler<'command'>;
  sql: Handler<'sql'>;
  http: Handler<'http'>;
}

/** Polls until the condition holds, or for as long as the action says. */
export async function check(
  action: CheckAction,
  context: AttemptContext,
  probes: Probes,
): Promise<Json> {
  const { limitMs } = action;
  if (limitMs === undefined || limitMs >= context.timeoutMs) return poll(action, context, probes);
  const limit = new TimeLimit(context.signal, limitMs);
  try {
    return await poll(action, { ...context, timeoutMs: limitMs, signal: limit.signal }, probes);
  } finally {
    limit.clear();
  }
}

/**
 * Polls until the condition holds. A missing answer is tolerated until the attempt times out; a
 * failure that waiting cannot change (a refused token) ends the check at once.
 */
async function poll(action: CheckAction, context: AttemptContext, probes: Probes): Promise<Json> {
  // Polls are not output: only the last answer counts.
  const quiet: AttemptContext = {
    ...withoutDemands(context),
    effect: 'read',
    output: () => undefined,
  };
  const steady = new Steady(action);
  let lastSeen = 'nothing was answered yet';
  for (let polls = 1; ; polls += 1) {
    try {
      const answer = await ask(action.probe, { ...quiet, poll: polls, resumedFrom: null }, probes);
      const met = judgeAnswer(action.until, answer);
      if (!met.holds) steady.wasNot();
      else if (steady.wasTrue()) return merge(answer, polls);
      const others = judgeOthers(action, answer);
      context.progress({ polls, ...steady.progress, ...progressOf(action, answer) });
      // A missing value may still appear; on time-out, people read that it was missing.
      const absent = [met, ...others].flatMap(({ why }) => (why ? [why] : []));
      const seen = context.secrets.quote(JSON.stringify(progressOf(action, answer)));
      lastSeen = [...new Set(absent), seen].join('; ');
    } catch (error) {
      if (context.signal.aborted) throw outOfTime(context, action, lastSeen);
      if (!(error instanceof StepFailure) || !mayPass(error)) throw error;
      lastSeen = error.message;
      steady.wasNot();
      context.progress({ polls, trouble: error.message });
    }
    try {
      await delay(Math.min(action.everyMs, longestTimerMs), undefined, { signal: context.signal });
    } catch {
      throw outOfTime(context, action, lastSeen);
    }
  }
}

/** What is demanded of the step is demanded of its end, not of each poll. */
function withoutDemands({ expect: _expect, outputs: _outputs, ...context }: AttemptContext) {
  return context;
}

/** A starting service may answer with an unrelated page first; a check only reads. */
function mayPass(error: StepFailure): boolean {
  return error.type === 'AnswerUnusable' || failureTypes[error.type] !== 'permanent';
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

/** A time-out names the condition and what was last seen; a cancellation stays one. */
function outOfTime(context: AttemptContext, action: CheckAction, lastSeen: string): unknown {
  const reason: unknown = context.signal.reason;
  if (!(reason instanceof StepFailure)) return reason;
  return new StepFailure(
    'StepTimeout',
    `waited ${context.timeoutMs / 1000} s in vain until ` +
      `${describeUntil(action)}; last seen: ${lastSeen}`,
  );
}
