import { caseTexts, choiceOf, findCase } from '../../language/cases.js';
import { durationMs } from '../../language/duration.js';
import { readInstant } from '../../language/instant.js';
import type { Json, JsonObject } from '../../language/json.js';
import { resolve, resolveKnown, Unresolved, type Scope } from '../../language/reference.js';
import type { StepSpec } from '../../language/runbook.js';
import type { Problem } from '../../common/view.js';
import type { Steps, Until } from '../engine/steps.js';

/* Steps that the engine does itself, and about which it may have to ask people. */

/** Takes a case of a branch; people are asked when none is true, or to confirm it. */
export async function choice(
  engine: Steps,
  spec: StepSpec,
  at: { path: string; top: string },
  scope: Scope,
): Promise<Json> {
  for (;;) {
    const taken = choiceOf(spec, scope);
    if (spec.confirm && !engine.run.envelope.unattended) return confirmed(engine, spec, at, scope);
    if (taken && !spec.confirm) return engine.choose(at.path, spec, () => taken);
    const answer = await engine.undecided(at.path, spec, noCase(spec, scope));
    if (answer) return answer.output;
  }
}

/** What the conditions say is a proposal. */
function confirmed(
  engine: Steps,
  spec: StepSpec,
  { path, top }: { path: string; top: string },
  scope: Scope,
): Promise<Json> {
  const { cases = [], evidence = {} } = spec;
  const { taken, unknown } = findCase(cases, scope);
  return engine.byHand(path, spec, top, 'Say which case it is.', {
    proposed: taken ?? 'none: no case is true',
    cases: caseTexts(cases),
    ...(Object.keys(unknown).length > 0 ? { 'cannot be told': { ...unknown } } : {}),
    ...(resolveKnown(evidence, scope) as JsonObject),
  });
}

function noCase({ cases = [], confirm }: StepSpec, scope: Scope): Problem {
  const { taken, unknown } = findCase(cases, scope);
  const told = Object.entries(unknown).map(
    ([name, why]) => `; of ${name} it cannot be told: ${why}`,
  );
  const what = confirm && taken !== null ? `nobody has confirmed case ${taken}` : 'no case is true';
  return {
    type: 'ProcedureStopped',
    message: `${what}${told.join('')}`,
    next: 'Look at what the conditions read, and say which case it is.',
  };
}

/** Lets time pass; people are asked when it cannot be told how much. */
export async function wait(
  engine: Steps,
  spec: StepSpec,
  path: string,
  scope: Scope,
): Promise<Json> {
  for (;;) {
    const until = endOf(spec, scope);
    if (!('type' in until)) return engine.wait(path, spec, until);
    const answer = await engine.undecided(path, spec, until);
    if (answer) return answer.output;
  }
}

function endOf({ forMs, until = null }: StepSpec, scope: Scope): Until | Problem {
  if (forMs !== undefined) return { forMs };
  const wrong = (message: string): Problem => ({
    type: 'ProcedureStopped',
    message,
    next: 'Look at what the time is taken from.',
  });
  try {
    const text = resolve(until, scope);
    if (typeof text !== 'string') return wrong(`${JSON.stringify(text)} is no time`);
    const ms = durationMs(text);
    if (ms !== undefined) return { forMs: ms };
    const read = readInstant(text);
    return 'micros' in read
      ? { at: Math.ceil(read.micros / 1_000) }
      : wrong(`${text} ${read.wrong}`);
  } catch (error) {
    if (!(error instanceof Unresolved)) throw error;
    return wrong(`until when to wait cannot be told: ${error.message}`);
  }
}
